/** The Python of this machine. Nothing of this package is written in it: pip fetches libtorch, and PyTorch holds one. */
import { spawnSync } from 'node:child_process';
import type { Environment } from './libtorch-build.ts';

/**
 * Program and first arguments that start Python 3. On Windows `python` is that of an active environment, and without any
 * the shop's placeholder, which fails; `py` is the launcher that python.org's installer brings.
 */
export function pythonCommand(
  env: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
): readonly [program: string, ...args: string[]] {
  if (platform !== 'win32') return ['python3'];
  const runs = (program: string, ...args: string[]): boolean =>
    spawnSync(program, [...args, '--version'], { env: { ...env }, stdio: 'ignore', timeout: 30_000 }).status === 0;
  return !runs('python') && runs('py', '-3') ? ['py', '-3'] : ['python'];
}
