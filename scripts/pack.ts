/**
 * Makes what `npm pack` takes beside the sources: compiled JavaScript with types, and recorders (set-up has built the console). Node
 * strips types outside of `node_modules` only, and a package has nobody who would build it.
 * `RUNYARD_PACK=host` builds the recorder of this machine alone.
 */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

const root = path.dirname(import.meta.dirname);
const dist = path.join(root, 'dist');
const go: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const wanted = process.env.RUNYARD_PACK === 'host' ? [process.arch] : Object.keys(go);
const loud = { cwd: root, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' } as const;

// What an earlier version compiled must not be in the package; the console has its own folder and stamp.
for (const name of fs.existsSync(dist) ? fs.readdirSync(dist) : []) {
  if (name !== 'console') fs.rmSync(path.join(dist, name), { recursive: true });
}
await execa(path.join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], loud);
for (const file of fs.readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (file.startsWith('console') || !file.endsWith('.d.ts')) continue;
  // The compiler leaves these as they are in declarations.
  const at = path.join(dist, file);
  const text = fs.readFileSync(at, 'utf8');
  fs.writeFileSync(
    at,
    text.replaceAll(/((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2'),
  );
}
for (const arch of wanted) {
  const target = path.join(root, 'prebuilt', `linux-${arch}`, 'recorder');
  fs.mkdirSync(path.dirname(target), { recursive: true });
  await execa('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', target, '.'], {
    ...loud,
    cwd: path.join(root, 'recorder'),
    env: { CGO_ENABLED: '0', GOFLAGS: '', GOOS: 'linux', GOARCH: go[arch] ?? arch },
  });
}
