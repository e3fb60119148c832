/** Runs that lie where somebody may have meant, for the message that there is none. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { byNearness } from '../validate.ts';

const most = 5;

/**
 * "; below it: runs/b, runs/a": those below `path`, newest first; else "; near it: …", those beside it, or in a folder `runs`
 * there or one level up, nearest names first; '' without any.
 */
export async function nearbyRuns(path: string): Promise<string> {
  const below = await runsBelow(path);
  const newest = below.sort((a, b) => b.changed - a.changed).map(({ name }) => name);
  if (newest.length > 0) return `; below it: ${listed(path, newest)}`;
  const above = dirname(path);
  for (const folder of [above, join(above, 'runs'), join(dirname(above), 'runs')]) {
    const beside = (await runsBelow(folder)).map(({ name }) => name);
    if (beside.length > 0) return `; near it: ${listed(folder, byNearness(basename(path), beside))}`;
  }
  return '';
}

const listed = (folder: string, names: readonly string[]): string =>
  [
    ...names.slice(0, most).map((name) => join(folder, name)),
    ...(names.length > most ? [`${names.length - most} more`] : []),
  ].join(', ');

async function runsBelow(folder: string): Promise<{ readonly name: string; readonly changed: number }[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const stats = await stat(join(folder, name, 'config.json')).catch(() => undefined);
      return stats === undefined ? [] : [{ name, changed: stats.mtimeMs }];
    }),
  );
  return found.flat();
}
