/** Runs the program: inside this process with given commands, or for real in a process of its own. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Command } from '../../lib/cli/command.ts';
import { runProgram } from '../../lib/cli/program.ts';
import { importScript } from '../scripts/scripts.ts';

export const mainFile = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));
/** What the command `contrastive` starts. */
export const binFile = fileURLToPath(new URL('../../lib/cli/bin.cts', import.meta.url));
/** Wherever the process stands. */
export const nodeArguments = ['--import', createRequire(import.meta.url).resolve('tsx'), mainFile];

const { libtorchVariables } = await importScript<{ libtorchVariables(): Record<string, string> }>('libtorch.mjs');

/** What a program sees of the tests' own environment: enough to find Node's programs and libtorch. */
export const surroundings = { PATH: process.env.PATH ?? '', ...libtorchVariables() };

/** The real program; `env` is all that it sees beside `surroundings`. */
export function runMain(args: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...nodeArguments, ...args], {
    encoding: 'utf8',
    env: { ...surroundings, ...env },
  });
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runWith(
  commands: readonly Command[],
  args: readonly string[],
  { signal = new AbortController().signal, env = {} }: { signal?: AbortSignal; env?: Record<string, string> } = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const loaders = Object.fromEntries(commands.map((command) => [command.name, async () => ({ command })]));
  const code = await runProgram(args, { commands: loaders, signal, streams, env });
  return { code, stdout, stderr };
}
