/** What would become of a run that was submitted now. Nothing is stored. */
import {
  type RunPlan,
  type SubmitRequest,
  type TrainRunConfig,
  validateConfig,
} from '../contracts/index.ts';
import type { InputStore, RunStore } from '../persistence/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { refuseUnknownHooks, withDependencies } from './lookup.ts';
import { type foundProgram, newRow } from './submission.ts';
import type { Supervisor } from './supervisor.ts';

export type PlanningOptions = {
  store: RunStore;
  inputs: InputStore;
  supervisor: Supervisor;
  clock: Clock;
  hooks?: readonly string[];
  placed?: (config: TrainRunConfig) => TrainRunConfig;
  isCheckedHere?: (config: TrainRunConfig) => boolean;
  preflight?: (config: TrainRunConfig, env: Buffer | null, program: string) => Promise<string[]>;
  admit: () => void;
  disk: { foundProgram: typeof foundProgram };
};

/** What can be said beforehand of a run that somebody else starts. */
const handedOver = 'it is handed to Slurm at once, which starts it when it has a place';

/** Throws as a submit does. */
export function createPlanning(options: PlanningOptions) {
  const { store, supervisor, clock, disk } = options;
  return async (request: SubmitRequest): Promise<RunPlan> => {
    const given = validateConfig(request.config);
    const config = withDependencies(store, options.placed?.(given) ?? given);
    refuseUnknownHooks(options.hooks ?? [], config);
    options.admit();
    const env = request.env_ref === null ? null : await options.inputs.read(request.env_ref);
    const isChecked = options.isCheckedHere?.(config) ?? true;
    const program = isChecked ? await disk.foundProgram(config, env) : '';
    const reasons = isChecked ? ((await options.preflight?.(config, env, program)) ?? []) : [];
    if (reasons.length > 0) return { verdict: 'refused', text: reasons.join('; '), slots: [] };
    const { verdict, text } = supervisor.whatIf(newRow('', config, '', request, clock.iso()));
    if (verdict.kind === 'starts')
      return config.executor === 'slurm'
        ? { verdict: 'waits', text: handedOver, slots: [] }
        : { verdict: 'starts', text, slots: [...verdict.slots] };
    return { verdict: verdict.kind === 'hopeless' ? 'refused' : 'waits', text, slots: [] };
  };
}
