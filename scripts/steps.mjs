// The steps of the set-up: one line each with its time, output to a log, the log's tail when something fails.
// Node's own modules only: this runs before `npm ci`.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, 'build');
const live = process.stdout.isTTY === true;

/** True in the module that was started, rather than imported; the path may lead over links. */
export const isMain = (url) =>
  process.argv[1] !== undefined && url === pathToFileURL(realpathSync(process.argv[1])).href;

/** A failure that is explained by its message alone. */
export class StepError extends Error {}

const erase = () => live && process.stdout.write('\r\x1b[2K');

/** Shows what a step is at, on a terminal only. */
export function showLive(text) {
  if (!live) return;
  const width = (process.stdout.columns || 80) - 1;
  erase();
  process.stdout.write(text.length > width ? `${text.slice(0, width - 1)}…` : text);
}

const betweenLines = 10_000; // milliseconds

/**
 * Runs one step and prints its line. `work` gets a function that shows what it is at, and may return a note for the line.
 * Where there is no terminal to show it on, a line every ten seconds says that it goes on.
 */
export async function step(title, work) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let detail = '';
  const at = (text) => {
    detail = text;
    showLive(`  ${title} … ${detail}`);
  };
  at('');
  const timer = live
    ? undefined
    : setInterval(() => console.log(`  ${title} … ${seconds().toFixed(0)} s  ${detail}`.trimEnd()), betweenLines);
  try {
    const note = await work(at);
    erase();
    console.log(`  ${title.padEnd(24)} ${seconds().toFixed(1).padStart(6)} s${note ? `  ${note}` : ''}`);
  } catch (error) {
    erase();
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Ends what is under way when a Ctrl-C or a kill arrives; this process then ends with the signal's code. */
let interrupt;
let received;
const exitCodeOf = (signal) => 128 + constants.signals[signal];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (interrupt === undefined) process.exit(exitCodeOf(signal));
    received = signal;
    interrupt(signal);
  });

/** Runs `work` with an AbortSignal that fires when this process is to stop. */
export async function interruptible(work) {
  const controller = new AbortController();
  interrupt = () => controller.abort();
  try {
    return await work(controller.signal);
  } catch (error) {
    if (received) process.exit(exitCodeOf(received));
    throw error;
  } finally {
    interrupt = undefined;
  }
}

function follow(child) {
  // From a terminal the child gets a Ctrl-C as well, from `kill` it gets none. Twice does no harm.
  interrupt = (signal) => child.kill(signal);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      interrupt = undefined;
      resolve({ code, signal });
    });
  });
}

/**
 * Runs a program with this process's terminal, and with `env` beside its variables; resolves to the exit code that this
 * process should end with.
 */
export async function runForeground(program, args, env = {}) {
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } };
  const { code, signal } = await follow(spawn(program, args, options));
  return code ?? exitCodeOf(signal);
}

/** When a process started, as text; undefined when there is none (or no `ps`, on Windows). Tells a reused id apart. */
function startOf(pid) {
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

/**
 * When this script is killed outright, what it started goes on for a while. Two npm or CMake processes in one folder
 * break each other, so the next run waits for the one that is left.
 */
async function waitForEarlier(pidFile, onLine) {
  if (!existsSync(pidFile)) return;
  const [pid, started] = readFileSync(pidFile, 'utf8').split('\n');
  while (pid && started && startOf(pid) === started) {
    onLine(`waiting for process ${pid}, which an interrupted run left`);
    await sleep(500);
  }
}

/**
 * Runs a program with its output in build/<name>.log; on failure throws a StepError with the log's tail.
 * `onLine` sees each line of output.
 */
export async function runLogged(name, program, args, { onLine = () => {}, env = {} } = {}) {
  mkdirSync(build, { recursive: true });
  const path = join(build, `${name}.log`);
  const pidFile = join(build, `${name}.pid`);
  await waitForEarlier(pidFile, onLine);
  const log = createWriteStream(path);
  log.write(`$ ${program} ${args.join(' ')}\n`);
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid}\n${startOf(child.pid) ?? ''}`);
  const tail = [];
  const take = (chunk) => {
    log.write(chunk);
    for (const line of chunk
      .toString()
      .split(/\r?\n/)
      .filter((text) => text.trim() !== '')) {
      tail.push(line);
      if (tail.length > 40) tail.shift();
      onLine(line);
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  let result;
  try {
    result = await follow(child);
  } catch (error) {
    throw new StepError(`${program} could not be started: ${error.message}`);
  } finally {
    log.end();
    rmSync(pidFile, { force: true });
  }
  if (received) process.exit(exitCodeOf(received));
  if (result.code === 0) return;
  const how = result.code === null ? `was ended by ${result.signal}` : `failed with status ${result.code}`;
  throw new StepError(`${tail.join('\n')}\n\n${program} ${how}; the whole log is in ${relative(root, path)}`);
}

/** A digest of the names, sizes and times of files and folders (recursively) under the root. Missing ones count as such. */
export function signature(paths, ...extra) {
  const hash = createHash('sha256').update(JSON.stringify(extra));
  const visit = (path) => {
    const stats = statSync(join(root, path), { throwIfNoEntry: false });
    if (stats?.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name));
    else hash.update(`${path} ${stats ? `${stats.size} ${stats.mtimeMs}` : 'missing'}\n`);
  };
  for (const path of paths) visit(path);
  return hash.digest('hex');
}

/** A digest of one file's contents. */
export function contentHash(path) {
  return createHash('sha256')
    .update(readFileSync(join(root, path)))
    .digest('hex');
}

/**
 * Remembers what an output was made from. `clear` before the work and `write` after it: an interrupted step has no stamp
 * and runs again.
 */
export function stamp(path) {
  const file = join(root, path);
  return {
    read: () => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
    clear: () => rmSync(file, { force: true }),
    write: (text) => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    },
  };
}
