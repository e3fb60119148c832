/** A file that another program cuts or takes away between its header and its rows. */
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openIndex } from '../../lib/search/feature-index.ts';
import { indexOf, vectors } from './own-index.ts';

const between = vi.hoisted(() => ({ run: async (_path: string): Promise<void> => {} }));
vi.mock('../../lib/search/index-file.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../lib/search/index-file.ts')>();
  const readIndexFile: typeof original.readIndexFile = async (path) => {
    const content = await original.readIndexFile(path);
    await between.run(path);
    return content;
  };
  return { ...original, readIndexFile };
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'changed-index-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ['cut', (path: string) => truncate(path, 100)],
  ['taken away', (path: string) => rm(path)],
])('an index that is %s while it is opened is a DataError', async (what, change) => {
  const path = join(folder, what);
  await (await indexOf(path, vectors(9, 4))).close();
  between.run = change;
  await expect(openIndex(path)).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining(`${path}: cannot be mapped`),
  });
  between.run = async () => {};
});
