/** Where a run goes that does not say it, and what is asked of Slurm for one that goes there. */
import type { Settings, TrainRunConfig } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import type { JobRequest } from '../../executors/index.ts';

/** What a stop at our own time limit takes beyond its grace, before Slurm may end the job by itself. */
const slackS = 120;
/** Seconds before Slurm's limit, where the settings do not say it. */
export const usualWarnS = 60;
/** Options of sbatch that are ours to say. */
const ours =
  /^--(array|chdir|export|export-file|input|job-name|no-requeue|nodes|ntasks|open-mode|output|parsable|requeue|signal|wait|wrap)(=|$)/;

/** With its executor said. Throws `config_invalid` for what goes together nowhere. */
export function placed(
  config: TrainRunConfig,
  settings: Pick<Settings, 'executor' | 'executor_rules'>,
  hasSlurm: () => boolean,
): TrainRunConfig {
  const asks = config.slurm !== undefined;
  const executor = config.executor ?? (asks ? 'slurm' : byRule(config, settings));
  if (executor === 'local') {
    if (config.slurm === undefined) return config;
    throw refused('/slurm', 'is for runs on Slurm, and this one is to run here', 'executor: slurm');
  }
  if (!hasSlurm())
    throw refused(
      '/executor',
      'Slurm is not to be had: sbatch is not on the PATH of the daemon',
      'start the daemon where Slurm’s commands are, or submit with executor: local',
    );
  const { gpus = 0 } = config;
  if (gpus > 0 && gpus < 1)
    throw refused('/gpus', `Slurm gives out whole GPUs, not ${gpus} of one`, 'gpus: 1');
  if (config.gpu_memory_mib !== undefined)
    throw refused(
      '/gpu_memory_mib',
      'Slurm does not choose by the memory of a GPU',
      'name the kind: slurm: {gres: "gpu:a100"}, or a partition',
    );
  const flag = config.slurm?.flags?.find((each) => ours.test(each));
  if (flag !== undefined)
    throw refused('/slurm/flags', `${flag} is for runyard to say`, 'leave it out');
  return { ...config, executor: 'slurm' };
}

function byRule(
  { gpus = 0, project, group, tags = [] }: TrainRunConfig,
  settings: Pick<Settings, 'executor' | 'executor_rules'>,
): 'local' | 'slurm' {
  const rule = settings.executor_rules.find(
    (each) =>
      gpus >= (each.gpus_min ?? 0) &&
      gpus <= (each.gpus_max ?? Number.POSITIVE_INFINITY) &&
      (each.project === undefined || each.project === project) &&
      (each.group === undefined || each.group === group) &&
      (each.tag === undefined || tags.includes(each.tag)),
  );
  return rule?.executor ?? settings.executor;
}

export function requestOf(config: TrainRunConfig, settings: Settings): JobRequest {
  const { flags: usual = [], ...yard } = settings.slurm;
  const { flags = [], ...own } = config.slurm ?? {};
  const graceS = config.stop?.grace_s ?? settings.grace_s;
  const limitS = config.time_limit_s;
  return {
    partition: own.partition ?? yard.partition,
    account: own.account ?? yard.account,
    qos: own.qos ?? yard.qos,
    timeS:
      own.time_s ??
      (limitS === undefined ? yard.time_s : limitS + graceS + slackS + (yard.warn_s ?? usualWarnS)),
    gpus: config.gpus ?? 0,
    gres: own.gres ?? yard.gres ?? 'gpu',
    cpus: config.cpus,
    memoryMib: config.memory_mib,
    flags: [...usual, ...flags],
  };
}

function refused(field: string, rule: string, hint: string): RunyardError {
  return new RunyardError('config_invalid', 'the run cannot be placed', {
    violations: [{ field, rule, hint }],
  });
}
