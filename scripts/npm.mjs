// npm as a program. Node's own modules only.
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

/**
 * npm tells its scripts where it is. On Windows the npm on the path is a command file, which no spawn without a shell
 * starts: there it is taken from beside node.exe, where Node's installer puts it.
 */
export function npmCommand(platform = process.platform) {
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) return [process.execPath, npm];
  if (platform !== 'win32') return ['npm'];
  return [process.execPath, join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js')];
}

/** Runs npm in `folder` and returns what it prints. */
export function npm(folder, ...args) {
  const [program, ...first] = npmCommand();
  return execFileSync(program, [...first, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
  });
}

/** Packs `folder` into `destination`: `{ file, files, bytes }`, names as in the tarball. */
export function pack(folder, destination, ...options) {
  const printed = npm(folder, 'pack', '--json', '--pack-destination', destination, ...options);
  // Newer versions of npm print an object by the package's name, older ones an array.
  const [packed] = Object.values(JSON.parse(printed.slice(printed.search(/^[[{]/m))));
  return { file: packed.filename, files: packed.files.map(({ path }) => path), bytes: packed.size };
}
