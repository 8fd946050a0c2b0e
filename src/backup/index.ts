export { type BackupOptions, takeBackup } from './backup.ts';
export type { BackupManifest } from './manifest.ts';
export { type Restored, type RestoreOptions, restoreBackup } from './restore.ts';
