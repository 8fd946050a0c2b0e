export { type KillScope, killScope } from '../processes/index.ts';
export { type Offline, openOffline } from './offline.ts';
