/** What is known of scripts of a kind: where they leave numbers and files. Without a preset it is found by looking. */
import type { TrainRunConfig } from './gen/train-run-config.v1.ts';

/** How the points and files of a run are taken. */
export type CapturePlan = {
  artifacts: readonly string[];
  /** Formats of files in which points are looked for; null: all. */
  formats: readonly string[] | null;
  /** What names of printed points begin with; null: any. */
  printed: readonly string[] | null;
};

type Preset = CapturePlan & { env: Readonly<Record<string, string>> };

const presets: Readonly<Record<NonNullable<TrainRunConfig['preset']>, Preset>> = {
  cleanrl: {
    artifacts: ['runs/**', 'videos/**', '**/*.cleanrl_model'],
    formats: ['tensorboard', 'wandb'],
    printed: ['charts/'],
    // Only `--track` uses it, and without an account it would wait for one.
    env: { WANDB_MODE: 'offline' },
  },
  corl: {
    artifacts: ['checkpoints/**', '**/checkpoint_*.pt'],
    // It logs to wandb alone, and keeps its data sets beside it.
    formats: ['wandb'],
    printed: null,
    env: { WANDB_MODE: 'offline' },
  },
};

/** What the configuration says itself wins over its preset. */
export function capturePlan(config: TrainRunConfig): CapturePlan {
  const preset = config.preset === undefined ? undefined : presets[config.preset];
  const artifacts = config.artifacts ?? preset?.artifacts ?? [];
  const checkpoints = config.retry?.resume?.artifact;
  return {
    // From what is not in the store nobody can go on.
    artifacts:
      checkpoints === undefined || artifacts.includes(checkpoints)
        ? artifacts
        : [...artifacts, checkpoints],
    formats: preset?.formats ?? null,
    printed: preset?.printed ?? null,
  };
}

/** Variables that capturing needs. `submitted` is what the user's shell had: a preset does not override it. */
export function captureEnv(
  config: TrainRunConfig,
  submitted: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const env = config.preset === undefined ? {} : presets[config.preset].env;
  const missing = Object.entries(env).filter(([name]) => submitted[name] === undefined);
  const asked = config.wandb === undefined ? {} : { WANDB_MODE: config.wandb };
  return { ...Object.fromEntries(missing), ...asked, ...config.env };
}
