/**
 * How processes and workers end while the compute thread is in the middle of a step: with the stated code, and never with
 * a crash or a hang. Each case is a child process; two run at a time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = new URL('lifecycle/', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const times = 50;

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

const node = (script: string, args: readonly string[]): [string, ...string[]] => [
  process.execPath,
  '--import',
  'tsx',
  fileURLToPath(new URL(script, folder)),
  ...args,
];

const run = (script: string, ...args: string[]): Promise<End> => execute(node(script, args));

function execute([program, ...args]: readonly [string, ...string[]]): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, OMP_NUM_THREADS: '1' },
      timeout: 60_000, // a hang ends with SIGTERM, which no case expects
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

/** Ends `count` processes at different moments of their steps; how many ended in which way. */
async function endings(mode: string, count: number): Promise<Record<string, number>> {
  const tally: Record<string, number> = {};
  const delays = Array.from({ length: count }, (_, i) => String(i % 25));
  const lane = async (): Promise<void> => {
    for (let delay = delays.pop(); delay !== undefined; delay = delays.pop()) {
      const { code, signal } = await run('end.ts', mode, delay);
      const key = signal ?? `code ${code}`;
      tally[key] = (tally[key] ?? 0) + 1;
    }
  };
  await Promise.all([lane(), lane()]);
  return tally;
}

describe('a process that ends during a step', () => {
  it.each<[string, string, string, number]>([
    ['process.exit(7)', 'exit', 'code 7', times],
    ['an uncaught throw', 'throw', 'code 1', times],
    ["an 'exit' listener that throws before the addon's", 'listener', 'code 1', 20],
    ['process.reallyExit(3)', 'really', 'code 3', 20],
    ['Ctrl-C', 'sigint', 'SIGINT', times],
    ['Ctrl-C with a handler that exits', 'handler', 'code 130', 4],
    ['an unhandled rejection', 'reject', 'code 1', 4],
  ])('%s', { timeout: 300_000 }, async (_, mode, expected, count) => {
    expect(await endings(mode, count)).toEqual({ [expected]: count });
  });

  it('ends by itself when nobody waits for what is queued', async () => {
    expect(await run('end.ts', 'nothing')).toMatchObject({ code: 0, err: '' });
  });

  it('stays alive while a read is pending', async () => {
    expect(await run('end.ts', 'read')).toMatchObject({ code: 0, out: 'read true\n' });
  });
});

describe('worker threads', () => {
  it.each<[string, string, number, object]>([
    ['ten compute at once', 'together', 10, { 'code 0': 10 }],
    ['terminate() during a step', 'terminate', times, { 'code 1': times }],
    ['an uncaught throw during a step', 'throw', 5, { 'code 1': 5, 'error on purpose': 5 }],
    ['process.exit(5) during a step', 'exit', 5, { 'code 5': 5 }],
  ])('%s', { timeout: 300_000 }, async (_, mode, count, expected) => {
    const { code, signal, out, err } = await run('workers.ts', mode, String(count));
    expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: '' });
    expect(JSON.parse(out)).toEqual({ ...expected, computed: count, 'main thread computes': 1 });
  });
});

const hasLimits = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;

describe.runIf(hasLimits)('a thread that the system refuses', () => {
  const limited = (mode: string): Promise<End> =>
    execute(['bash', '-c', 'ulimit -s 1048576 && exec "$@"', 'bash', ...node('threads.ts', [mode])]);

  it.each([
    ['stream', 'tensor operations'],
    ['pool', 'augmentation'],
  ])('%s: an error, and the process goes on and ends', async (mode, purpose) => {
    const { code, out, err } = await limited(mode);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(new RegExp(`^ERR_NATIVE: cannot start a thread for ${purpose}: .+\\?\n$`));
  });

  it('recycler: memory is not kept, and all else works', async () => {
    expect(await limited('recycler')).toMatchObject({ code: 0, err: '', out: '1, 0 bytes kept\n' });
  });
});
