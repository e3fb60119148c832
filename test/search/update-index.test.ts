import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AbortError } from '../../lib/errors.ts';
import { createIndex, openIndex } from '../../lib/search/feature-index.ts';
import { IndexWriter } from '../../lib/search/index-file.ts';
import { type UpdateIndexOptions, updateIndex } from '../../lib/search/update-index.ts';
import { createEmbedder, type Embedder } from '../../lib/serve/embedder.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));

let folder: string;
let embedder: Embedder;
let input: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'update-index-'));
  embedder = await createEmbedder({ checkpoint: await writeTinyRun(folder) });
});
afterAll(async () => {
  await embedder.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  input = await mkdtemp(join(folder, 'images-'));
  path = `${input}.index`;
  await mkdir(join(input, 'é'));
  await put('rgb.jpg', 'img10.jpg');
  await put('rgb.png', 'img2.png');
  await put('gray.png', 'é/gray.png');
});

const put = (from: string, to: string): Promise<void> => cp(join(fixtures, from), join(input, to));

/** What an update did, and the names that are in the index then. */
async function update(over: Partial<UpdateIndexOptions> = {}) {
  const { index, ...counts } = await updateIndex(path, { input, embedder, ...over });
  const names = index.files.map(({ name }) => name);
  await index.close();
  return { ...counts, names };
}

const none = { kept: 0, added: 0, changed: 0, removed: 0, skipped: [] };

describe('an index of a folder', () => {
  it('has the features of each image, in natural order', async () => {
    const { names, ...counts } = await update();
    expect(counts).toEqual({ ...none, added: 3 });
    expect(names).toEqual(['img2.png', 'img10.jpg', 'é/gray.png']);
    await using index = await openIndex(path);
    expect([index.root, index.dim]).toEqual([input, embedder.dim]);
    const [nearest] = await index.search(await embedder.embedFile(join(input, 'img10.jpg')), { k: 1 });
    expect(nearest).toEqual({ number: 1, name: 'img10.jpg', cosine: expect.closeTo(1, 5) });
  });

  it('is rid of what a killed update left a day ago, even where nothing has changed', async () => {
    await update();
    const left = join(dirname(path), `.${basename(path)}.tmp-${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`);
    await writeFile(left, '');
    await update();
    expect(await stat(left)).toBeDefined(); // it may be another process's work
    await utimes(left, 0, 0);
    await update();
    await expect(stat(left)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('shows pictures of the folder that it was opened with, beside it where none is named', async () => {
    const elsewhere = join(folder, 'elsewhere.index');
    await update();
    await cp(path, elsewhere);
    const opened = { [path]: {}, [elsewhere]: { root: input } };
    for (const [file, options] of Object.entries(opened)) {
      await using index = await openIndex(file, options);
      expect([index.hasPictures, (await index.picture(0)).subarray(0, 2).toString('hex')]).toEqual([true, 'ffd8']);
    }
    for (const options of [{}, { root: folder }]) {
      await using index = await openIndex(elsewhere, options);
      expect(index.hasPictures).toBe(false);
      await expect(index.picture(0)).rejects.toMatchObject({
        code: 'ERR_DATA',
        message: expect.stringContaining(input),
      });
    }
    const { index } = await updateIndex(elsewhere, { input, embedder });
    expect(index.hasPictures).toBe(true);
    await index.close();
    await expect(openIndex(path, { folder: input } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it('follows what is added, changed and removed, and embeds nothing else', async () => {
    await update();
    const embed = vi.spyOn(embedder, 'embedFile');
    expect(await update()).toMatchObject({ ...none, kept: 3 });
    await put('rgb.png', 'img1.png');
    await put('gray.png', 'img10.jpg');
    await utimes(join(input, 'img10.jpg'), 1e9, 1e9);
    await rm(join(input, 'é'), { recursive: true });
    expect(await update()).toEqual({
      ...{ kept: 1, added: 1, changed: 1, removed: 1, skipped: [] },
      names: ['img1.png', 'img2.png', 'img10.jpg'],
    });
    expect(embed.mock.calls.map(([file]) => file)).toEqual(['img1.png', 'img10.jpg'].map((name) => join(input, name)));
    embed.mockRestore();
    await using index = await openIndex(path);
    for (const [number, { name }] of index.files.entries()) {
      const [nearest] = await index.search(await embedder.embedFile(join(input, name)), { k: 3 });
      expect(nearest?.cosine).toBeCloseTo(1, 5);
      expect((await index.vector(number)).length).toBe(embedder.dim);
    }
  });

  it('leaves out what cannot be decoded, and looks at it again', async () => {
    await put('truncated.jpg', 'bad.jpg');
    const heard: string[] = [];
    const first = await update({ onSkip: ({ file }) => heard.push(file) });
    expect([first.added, first.skipped.map(({ file }) => file)]).toEqual([3, [join(input, 'bad.jpg')]]);
    expect(heard).toEqual([join(input, 'bad.jpg')]);
    expect(await update()).toMatchObject({ kept: 3, added: 0, skipped: [{ file: join(input, 'bad.jpg') }] });
    await put('rgb.png', 'bad.jpg');
    expect(await update()).toMatchObject({ kept: 3, added: 1, skipped: [] });
  });

  it('moves with its folder', async () => {
    await update();
    const before = path;
    await rename(input, `${input}-moved`);
    input = `${input}-moved`;
    path = `${input}.index`;
    await rename(before, path);
    expect(await update()).toMatchObject({ ...none, kept: 3 });
    await using index = await openIndex(path);
    expect(index.root).toBe(input);
  });

  it('is made anew for another model', async () => {
    await update();
    const other = await mkdtemp(join(folder, 'other-'));
    await using another = await createEmbedder({ checkpoint: await writeTinyRun(other, { seed: 6 }) });
    expect(await update({ embedder: another })).toMatchObject({
      added: 3,
      kept: 0,
      rebuilt: 'its features are of another model',
    });
    expect(await update({ embedder: another })).toMatchObject({ kept: 3, added: 0 });
  });

  it('is made anew where it says that it is of the model, and is of another dim', async () => {
    const { size, mtimeMs } = await stat(join(input, 'img2.png'));
    const writer = await IndexWriter.create(path, 3, { root: input, model: embedder.info.model });
    await writer.append(Float32Array.of(0, 1, 0), { name: 'img2.png', size, modified: mtimeMs });
    await writer.finish();
    await writer.publish();
    expect(await update()).toMatchObject({ added: 3, kept: 0, rebuilt: 'its features are of another model' });
  });

  it('never takes the place of vectors that were made elsewhere', async () => {
    await (await createIndex(path, [{ name: 'own', vector: new Float32Array(embedder.dim).fill(1) }])).close();
    await expect(update()).rejects.toThrow(/holds vectors of createIndex\(\).*name another file/);
    await using index = await openIndex(path);
    expect(index.files[0]?.name).toBe('own');
  });

  it('keeps what was done when it is stopped', async () => {
    await update();
    await put('rgb.png', 'img11.png');
    await put('rgb.png', 'img12.png');
    const controller = new AbortController();
    const real = embedder.embedFile.bind(embedder) as (file: string) => Promise<Float32Array>;
    const embed = vi.spyOn(embedder, 'embedFile').mockImplementation((async (file: string) => {
      if (!file.endsWith('img12.png')) return real(file);
      controller.abort();
      throw new AbortError();
    }) as never);
    await expect(update({ signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    embed.mockRestore();
    expect(await update()).toMatchObject({ kept: 4, added: 1 });
  });

  it('leaves the old one where nothing can be made', async () => {
    await expect(update({ input: join(folder, 'nowhere') })).rejects.toMatchObject({ code: 'ERR_DATA' });
    const empty = await mkdtemp(join(folder, 'empty-'));
    await expect(update({ input: empty })).rejects.toMatchObject({ code: 'ERR_DATA' });
    await cp(join(fixtures, 'truncated.jpg'), join(empty, 'bad.jpg'));
    await expect(update({ input: empty })).rejects.toThrow(/no image of 1 could be decoded/);
    await writeFile(path, 'a letter');
    await expect(update()).rejects.toThrow(/not safetensors.*name another file, or delete this one/);
    await rm(path);
    await mkdir(path);
    await expect(update()).rejects.toThrow(/is not a file$/); // and no advice to delete a folder
    await expect(update({ embedder: {} as Embedder })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(update({ batch: 3 } as object)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    expect((await readdir(folder)).filter((name) => name.includes('.tmp'))).toEqual([]);
  });
});
