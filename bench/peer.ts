/** What the benchmarks share: running one side as a child process, in turn with the other, and printing ratios. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
export const root = join(folder, '..');

/** The peers' Python, made by bench/peers/setup.sh at the first use; CONTRASTIVE_PEERS names another environment. */
export function peerPython(): string {
  const environment = process.env.CONTRASTIVE_PEERS ?? join(root, 'build', 'peers');
  const python = join(environment, 'bin', 'python');
  if (!existsSync(python)) execFileSync('bash', [join(folder, 'peers', 'setup.sh'), environment], { stdio: 'inherit' });
  return python;
}

/** Runs a peer script and returns the last line that it prints. */
export function runPeer(script: string, args: readonly string[]): string {
  return lastLine(execFileSync(peerPython(), [join(folder, 'peers', script), ...args], { encoding: 'utf8' }));
}

/** Runs our command line, in a folder of its own, and returns the lines that it prints. */
export function runOursLines(args: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'contrastive-bench-'));
  try {
    const main = join(root, 'dist', 'cli', 'main.js');
    return execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: folder })
      .trim()
      .split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs our command line and returns the last line that it prints. */
export const runOurs = (args: readonly string[]): string => runOursLines(args).at(-1) ?? '';

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    (sorted[Math.floor((sorted.length - 1) / 2)] as number) / 2 +
    (sorted[Math.ceil((sorted.length - 1) / 2)] as number) / 2
  );
}

/** "1.62x (min 1.58, max 1.70)": the ratio pair by pair, which holds when the machine's speed drifts. */
export function ratio(ours: readonly number[], theirs: readonly number[]): string {
  const pairs = ours.map((value, i) => value / (theirs[i] as number));
  const [low, high] = [Math.min(...pairs), Math.max(...pairs)];
  return `${median(pairs).toFixed(2)}x (min ${low.toFixed(2)}, max ${high.toFixed(2)})`;
}
