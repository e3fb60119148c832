import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../lib/cli/search.ts';
import { createIndex } from '../../lib/search/feature-index.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';
import { runWith } from './run-cli.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));

let folder: string;
let run: string;
let photos: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'search-'));
  run = await writeTinyRun(folder);
  photos = join(folder, 'photos');
  await mkdir(join(photos, 'sub'), { recursive: true });
  for (const [from, to] of [
    ['rgb.jpg', 'a.jpg'],
    ['rgb.jpg', 'sub/a <b>again</b>.jpg'],
    ['gray.png', 'gray.png'],
    ['truncated.jpg', 'bad.jpg'],
  ] as const)
    await cp(join(fixtures, from), join(photos, to));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const search = (...args: string[]) => runWith([command], ['search', ...args, '--precision', 'float32']);
const records = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('contrastive search', () => {
  it('prints what is most like an image, nearest first, and says what the index has', async () => {
    const first = await search(run, photos, '--query', join(fixtures, 'rgb.jpg'), '--k', '2');
    expect([first.code, first.stderr]).toEqual([0, expect.stringMatching(/^warning: .*bad\.jpg.*; skipped$/m)]);
    expect(first.stdout).toMatch(/photos\.index: 3 images, 32 features each; 3 added, 1 skipped\n/);
    const [, ...rows] = first.stdout.trim().split('\n').slice(-3);
    expect(rows.map((row) => row.trim())).toEqual([
      `1.0000  ${join(photos, 'a.jpg')}`,
      `1.0000  ${join(photos, 'sub/a <b>again</b>.jpg')}`,
    ]);
    const again = await search('--run', run, '--input', photos, '--query', join(photos, 'gray.png'));
    expect(again.stdout).toMatch(/photos\.index: 3 images, 32 features each; 1 skipped, 3 kept\n/);
    expect(again.stdout).not.toMatch(/\d +\S*gray\.png$/m); // it is in the folder, and no neighbour of itself
  });

  it('emits records that agree with the embedder', async () => {
    const { code, stdout } = await search(run, photos, '--query', join(photos, 'gray.png'), '--json');
    const [warning, index, answer] = records(stdout);
    expect([code, warning.warning]).toEqual([0, expect.stringContaining('bad.jpg')]);
    expect(index).toEqual({
      ...{ index: `${photos}.index`, images: 3, dim: 32 },
      ...{ kept: 3, added: 0, changed: 0, removed: 0, skipped: 1 },
    });
    await using embedder = await createEmbedder({ checkpoint: run, normalize: true });
    const [a, b] = (await embedder.embedFile([join(photos, 'gray.png'), join(photos, 'a.jpg')])) as [
      Float32Array,
      Float32Array,
    ];
    const cosine = a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
    expect(answer).toEqual({
      query: join(photos, 'gray.png'),
      neighbours: [
        { number: 0, name: 'a.jpg', cosine: expect.closeTo(cosine, 5) },
        { number: 2, name: 'sub/a <b>again</b>.jpg', cosine: expect.closeTo(cosine, 5) },
      ],
    });
  });

  it('finds duplicates and outliers in an index, without an encoder, and writes a page', async () => {
    const index = join(folder, 'own.index');
    await search(run, photos, '--index', index, '--outliers');
    const out = join(folder, 'pages', 'found.html');
    const asked = ['--index', index, '--duplicates', '--threshold', '0.999999', '--out', out];
    const unseen = await search(...asked); // the index says where its pictures lie, the caller does not
    expect([unseen.code, unseen.stderr]).toEqual([0, expect.stringContaining(`--input ${photos} shows them`)]);
    expect(await readFile(out, 'utf8')).not.toContain('src="data:');
    const same = await search(...asked, '--input', photos);
    expect([same.code, same.stderr]).toEqual([0, '']);
    expect(same.stdout).toContain('1 group, 2 of 3 images, cosine 0.999999 or more.');
    expect(same.stdout).toMatch(/^1 +1\.0000 +same file +\S*a\.jpg$/m);
    const page = await readFile(out, 'utf8');
    expect(page).toContain('a &lt;b&gt;again&lt;/b&gt;.jpg');
    expect(page).not.toContain('<b>again');
    expect(page.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(2);
    expect(page.match(/(?:src|href)="(?!data:)/g)).toBeNull();
    const [, strange] = records((await search('--index', index, '--outliers', '--json', '--limit', '1')).stdout);
    expect(strange).toMatchObject({ k: 5, outliers: [{ name: 'gray.png' }] });
    const [, groups] = records((await search('--index', index, '--duplicates', '--json')).stdout);
    expect(groups.groups[0].map((each: { identical: boolean }) => each.identical)).toContain(true);
  });

  it("searches the folder of the run's data where none is named", async () => {
    const place = await mkdtemp(join(folder, 'trained-'));
    const trained = await writeTinyRun(place);
    const config = JSON.parse(await readFile(join(trained, 'config.json'), 'utf8'));
    config.data = { name: 'folder', path: photos, limit: null };
    await writeFile(join(trained, 'config.json'), JSON.stringify(config));
    for (const run of [trained, join(trained, 'checkpoints', '7')])
      expect((await search(run, '--outliers')).stdout).toMatch(/photos\.index: 3 images/);
  });

  it('takes a folder of queries', async () => {
    const { stdout } = await search(run, photos, '--query', photos, '--k', '1', '--json');
    const answers = records(stdout).filter((record) => 'query' in record);
    expect(answers.map(({ query }) => query)).toEqual(
      ['a.jpg', 'gray.png', 'sub/a <b>again</b>.jpg'].map((name) => join(photos, name)),
    );
  });

  it('knows a query that is in the folder by a link', async () => {
    const linked = await mkdtemp(join(folder, 'linked-'));
    await symlink(photos, join(linked, 'more'), 'junction');
    for (const query of [join(linked, 'more', 'gray.png'), join(linked, 'more', 'sub', '..', 'gray.png')]) {
      const { stdout } = await search(run, linked, '--query', query, '--json');
      const answer = records(stdout).find((record) => 'query' in record);
      expect(answer.neighbours.map(({ name }: { name: string }) => name).sort()).toEqual(
        ['a.jpg', 'sub/a <b>again</b>.jpg'].map((name) => `more/${name}`),
      );
    }
  });

  it('says so where no query of a folder can be decoded', async () => {
    const queries = await mkdtemp(join(folder, 'queries-'));
    for (const name of ['1.jpg', '2.jpg']) await cp(join(fixtures, 'truncated.jpg'), join(queries, name));
    const { code, stderr } = await search(run, photos, '--query', queries);
    expect([code, stderr]).toEqual([1, expect.stringContaining('none of 2 queries could be decoded')]);
  });

  it('says what is wrong before it loads anything', async () => {
    const fails = async (args: string[], message: RegExp, code = 2) =>
      expect(await search(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    await fails([run, photos], /give one of --query PATH, --duplicates and --outliers/);
    await fails([run, photos, '--duplicates', '--outliers'], /give one of/);
    await fails([run, photos, '--outliers', '--threshold', '0.9'], /--threshold belongs to --duplicates/);
    await fails([run, photos, '--duplicates', '--k', '3'], /--k belongs to --query and --outliers/);
    await fails([run, '--query', join(photos, 'a.jpg')], /INPUT is missing: a folder of images/);
    await fails([photos, '--outliers'], /there is no run in/, 1);
    await fails(['--run', run, '--input', photos, 'more', '--outliers'], /search: does not know what 'more' is for/);
    await fails(['--index', `${photos}.index`, '--query', join(photos, 'a.jpg')], /RUN is missing/);
    await fails([run, photos, '--outliers', '--out', 'found.txt'], /--out must be a name in \.html, got 'found\.txt'/);
    await fails([run, photos, '--query', join(folder, 'none.jpg')], /none\.jpg: there is no such file or folder/, 1);
    await fails(['--index', join(folder, 'none.index'), '--outliers'], /none\.index: cannot be read/, 1);
    const letter = join(folder, 'letter.txt');
    await writeFile(letter, 'dear');
    await fails([run, photos, '--index', letter, '--outliers'], /name another file, or delete this one/, 1);
    expect(await readFile(letter, 'utf8')).toBe('dear');
  });

  it('refuses an index of another model where there is no folder to make it from', async () => {
    const other = await writeTinyRun(await mkdtemp(join(folder, 'other-')), { seed: 9 });
    const query = ['--query', join(photos, 'a.jpg')];
    const refused = await search('--run', other, '--index', `${photos}.index`, ...query);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('of another model; give --input FOLDER'),
    });
    const own = join(folder, 'vectors.index');
    await (await createIndex(own, [{ name: 'a', vector: new Float32Array(32).fill(1) }])).close();
    expect(await search('--run', other, '--index', own, ...query)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not say which model'),
    });
    const made = await search(other, photos, ...query);
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('of another model; made anew') });
  });
});
