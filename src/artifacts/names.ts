/** What names of files are taken as, and what they say. */
import path from 'node:path';

const nameBytesMax = 1024;

/** Why a name cannot be one in the store, or null. It is of a place below the run's directory, written plainly. */
export function refusedName(name: string): string | null {
  if (path.isAbsolute(name) || name.split('/').includes('..'))
    return 'it is not below the working directory';
  if (name === '' || path.normalize(name) !== name || name === '.' || name.endsWith('/'))
    return 'its name is not a plain one';
  if (Buffer.byteLength(name) > nameBytesMax) return `its name has more than ${nameBytesMax} bytes`;
  // What stands for bytes that are no UTF-8: the file cannot be found again by it.
  if (name.includes('\ufffd')) return 'its name is not UTF-8';
  if (/\p{Cc}/u.test(name)) return 'its name has control characters';
  return null;
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.gif': 'image/gif',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.csv': 'text/csv',
  '.yaml': 'application/yaml',
  '.txt': 'text/plain',
  '.log': 'text/plain',
  '.html': 'text/html',
  '.zip': 'application/zip',
};

export function mediaTypeOf(name: string): string {
  return mediaTypes[path.extname(name).toLowerCase()] ?? 'application/octet-stream';
}

/** `step-1000`, `global_step=5`, `checkpoint_400.pt`, `iter12`: of the file's own name, the last one. */
const steps =
  /(?:^|[^a-z])(?:global[-_]?)?(?:steps?|timesteps?|iter|iteration|checkpoint|ckpt)[-_=]?(\d{1,15})(?!\d)/gi;

/** The training step that a name tells, or null. An episode's number is none. */
export function stepOf(name: string): number | null {
  const found = [...path.basename(name).matchAll(steps)].at(-1)?.[1];
  return found === undefined ? null : Number(found);
}
