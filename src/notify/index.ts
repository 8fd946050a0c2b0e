export { type HookCommand, type HookEnd, runHook } from './hook.ts';
export { type GroupTold, groupText, runText } from './message.ts';
