/** examples/Dockerfile as a list of instructions, and its steps done by hand: a folder a stage, no daemon, no other user. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readPage } from '../docs/markdown.ts';

export interface Instruction {
  readonly name: string;
  /** What follows the name, on one line. */
  readonly text: string;
}

export function readDockerfile(): Instruction[] {
  const lines = readPage('examples/Dockerfile')
    .text.replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), text: line.slice(line.indexOf(' ') + 1).trim() }));
}

/** The only instruction of that name, or the last: a later one counts. */
export function last(instructions: readonly Instruction[], name: string): string {
  const found = instructions.findLast((instruction) => instruction.name === name);
  if (found === undefined) throw new Error(`examples/Dockerfile has no ${name}`);
  return found.text;
}

/** Docker copies the contents of a folder, not the folder. */
const copy = `for each in $SOURCES; do if [ -d "$each" ]; then cp -r "$each/." "$TO"; else cp "$each" "$TO"; fi; done`;

/**
 * Does FROM, WORKDIR, COPY and RUN below `folder`, with the files of `context`. Images are not fetched: programs run with `env`.
 * Returns the folder that the last WORKDIR names.
 */
export function buildByHand(
  instructions: readonly Instruction[],
  context: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): string {
  let [stage, work] = ['', ''];
  const shell = (script: string, cwd: string, variables: NodeJS.ProcessEnv = {}) =>
    execFileSync('sh', ['-ec', script], { cwd, env: { ...env, ...variables }, stdio: 'pipe' });
  for (const { name, text } of instructions) {
    const words = text.split(/\s+/);
    if (name === 'FROM') stage = join(folder, words[2] ?? 'last');
    if (name === 'WORKDIR') work = join(stage, text);
    if (name === 'WORKDIR') mkdirSync(work, { recursive: true });
    if (name === 'RUN') shell(text, work);
    if (name !== 'COPY') continue;
    const from = words[0]?.startsWith('--from=') ? join(folder, (words.shift() as string).slice(7)) : context;
    const to = join(work, words.pop() as string);
    mkdirSync(to, { recursive: true });
    shell(copy, from, { SOURCES: words.map((word) => `./${word}`).join(' '), TO: to });
  }
  return work;
}
