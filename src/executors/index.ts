export type { AttemptSpec, Beat, Executor, ExecutorEvents, Fact, Wish } from './executor.ts';
export { createLocalExecutor, type LocalExecutorOptions } from './local/index.ts';
export { foundTemps, pruneTemp } from './local/temp.ts';
