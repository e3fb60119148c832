// npm as a program. Node's own modules only.
import { execFileSync } from 'node:child_process';

/** npm tells its scripts where it is; on Windows the npm on the path is no program that spawn can start. */
export function npmCommand() {
  const npm = process.env.npm_execpath;
  return npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
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
