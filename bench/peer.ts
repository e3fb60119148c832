/** What the benchmarks share: running one side as a child process, in turn with the other, and printing ratios. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

/** A process that answers each line that it is given with a line of its own, in their order. */
export interface Answering {
  /** @throws {Error} it ended, or is to end, without an answer. */
  ask(line: string): Promise<string>;
  /** Resolves when it is gone, and what it held of a device's memory with it. */
  kill(): Promise<void>;
  /** It has ended once it has no more to do. */
  end(): void;
}

export function startAnswering(command: string, args: readonly string[], env = process.env): Answering {
  const child = spawn(command, args, { cwd: root, env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // it has ended, which the lack of an answer tells
  child.on('error', () => {}); // there is no such command: likewise
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended without an answer`);
      return value;
    },
    kill() {
      child.kill('SIGKILL');
      return gone;
    },
    end: () => child.stdin.end(),
  };
}

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

/** A table in Markdown; the first row is its head. */
export const markdown = (rows: readonly (readonly string[])[]): string =>
  rows
    .toSpliced(1, 0, rows[0]?.map(() => '---') ?? [])
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
