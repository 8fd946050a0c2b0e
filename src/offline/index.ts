export { type KillScope, killScope } from '../processes/index.ts';
export { daemonPid, type Offline, openOffline } from './offline.ts';
