export { type HookCommand, type HookEnd, runHook } from './hook.ts';
export {
  type GroupTold,
  groupText,
  type NotifyEvent,
  type NotifyMessage,
  runText,
} from './message.ts';
