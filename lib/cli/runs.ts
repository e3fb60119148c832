/** `contrastive runs`: what a folder's runs are, and how far they got. */
import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { CheckpointError, DataError, messageOf } from '../errors.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { counted, formatTable } from './format.ts';
import { bestOf, lastOf } from './knn-history.ts';
import { percent } from './report/results.ts';
import { dataTextOf, encoderText, type RunRecord, readRun } from './run-record.ts';

/** Folders below the one that is listed: runs/experiment/seed-1. */
const depth = 3;

export const command = defineCommand({
  name: 'runs',
  summary: 'list the runs in a folder: method, encoder, data, epochs, best kNN accuracy, state',
  positionals: '[DIR]',
  maxPositionals: 1,
  help: `
Lists the runs in DIR (default runs) and up to three folders below, the newest first: when each was last written, its method, encoder and data, epochs done of those asked for, the best kNN accuracy and whether it is training, finished or stopped.

With --json, one object a run: run, date, method, encoder, data, epochs, epochsAsked, step, loss, knnTop1, knnBest, knnBefore, chanceTop1, testImages, state.`,
  examples: [
    { run: 'contrastive runs', explains: 'Those in ./runs.' },
    { run: 'contrastive runs experiments --json', explains: 'For a program.' },
  ],
  options: {},
  run: list,
});

/** Folders that hold a config.json, in no order. */
async function foldersOf(folder: string, below: number): Promise<string[]> {
  if (await statOrUndefined(join(folder, 'config.json'))) return [folder];
  if (below === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const inner = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => foldersOf(join(folder, name), below - 1));
  return (await Promise.all(inner)).flat();
}

async function list({ positionals, output }: CommandContext): Promise<void> {
  const root = resolve(positionals[0] ?? 'runs');
  const folders = await foldersOf(root, depth).catch((error: unknown) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DataError(isMissing ? `there is no folder ${root}` : `${root}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  });
  const runs: RunRecord[] = [];
  for (const folder of folders)
    try {
      runs.push(await readRun(folder));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      output.warn(error.message);
    }
  if (runs.length === 0) throw new DataError(`${root}: there are no runs in this folder`);
  runs.sort((a, b) => b.date.getTime() - a.date.getTime());
  output.print(formatTable([titles, ...runs.map((run) => row(run, root))]));
  output.print(`\n${counted(runs.length, 'run')} in ${root}`);
  for (const run of runs) output.emit(recordOf(run));
}

const titles = ['run', 'last written', 'method', 'encoder', 'data', 'epochs', 'best kNN', 'state'];

const row = (run: RunRecord, root: string): string[] => [
  relative(root, run.path) || run.name,
  dateText(run.date),
  run.config.method.name,
  encoderText(run.config),
  dataTextOf(run.config),
  `${run.epochs}/${run.config.epochs}`,
  run.knn === undefined ? '–' : percent(bestOf(run.knn).top1),
  run.state,
];

/** "2026-11-27 13:05", in the zone of the machine. */
export function dateText(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function recordOf({ path, date, config, epochs, step, loss, knn, state }: RunRecord): object {
  return {
    run: path,
    date: date.toISOString(),
    method: config.method.name,
    encoder: config.encoder,
    data: config.data,
    epochs,
    epochsAsked: config.epochs,
    step,
    ...(loss !== undefined && { loss }),
    ...(knn && {
      ...{ knnTop1: lastOf(knn).top1, knnBest: bestOf(knn).top1, knnBefore: knn.before },
      ...{ chanceTop1: knn.chance, testImages: knn.testImages },
    }),
    state,
  };
}
