/** Starts the processes of a group, as a launcher does, and hears how each of them ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Start {
  readonly worldSize?: number;
  /** A rank that does not end by itself: it is killed when all others have ended. */
  readonly hanging?: number;
  /** After which all that still run are killed. */
  readonly seconds?: number;
  /** What runs node, as `ip netns exec NAME` does. */
  readonly command?: (rank: number) => readonly string[];
  /** Variables of a rank besides those of the launcher, or in their place. */
  readonly variables?: (rank: number) => Readonly<Record<string, string>>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Runs a script of this folder in each of `worldSize` processes; of two names, the first in rank 0, the other in all others.
 * @param argument what the script finds as JSON in its first argument.
 */
export async function runProcesses(
  script: string | readonly [string, string],
  argument: unknown,
  { worldSize = 2, hanging, seconds = 90, command = () => [], variables = () => ({}) }: Start = {},
): Promise<Ended[]> {
  const [first, others] = typeof script === 'string' ? [script, script] : script;
  const pathOf = (rank: number): string => fileURLToPath(new URL(rank === 0 ? first : others, import.meta.url));
  const port = await freePort();
  const children = Array.from({ length: worldSize }, (_, rank) => {
    const node = [process.execPath, '--import', 'tsx', pathOf(rank), JSON.stringify(argument)];
    const [program, ...args] = [...command(rank), ...node] as [string, ...string[]];
    return spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...{ RANK: String(rank), WORLD_SIZE: String(worldSize), MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port) },
        ...{ OMP_NUM_THREADS: '1', ...variables(rank) },
      },
    });
  });
  const kill = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  const limit = setTimeout(kill, seconds * 1000);
  const ends = children.map(async (child): Promise<Ended> => {
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (part: string) => {
        text[name] += part;
      });
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { status, signal, ...text };
  });
  try {
    if (hanging !== undefined) {
      await Promise.all(ends.filter((_, rank) => rank !== hanging));
      kill();
    }
    return await Promise.all(ends);
  } finally {
    clearTimeout(limit);
    kill();
  }
}

/** What each rank printed, as JSON. @throws {Error} one of them failed; with what it wrote. */
export async function resultsOf<T>(
  script: Parameters<typeof runProcesses>[0],
  argument: unknown,
  start?: Start,
): Promise<T[]> {
  const ended = await runProcesses(script, argument, start);
  return ended.map(({ status, signal, stdout, stderr }, rank) => {
    if (status !== 0) throw new Error(`rank ${rank} ended with ${status ?? signal}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  });
}
