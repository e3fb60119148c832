import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../lib/cli/label.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';
import { drawPhotos } from './drawn-photos.ts';
import { type Ran, runWith } from './run-cli.ts';

let folder: string;
let labelled: string;
let input: string;
let args: string[];
const label = (...more: string[]): Promise<Ran> => runWith([command], ['label', ...args, ...more]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'label-'));
  labelled = join(folder, 'labelled');
  input = join(folder, 'photos');
  await drawPhotos(labelled, { count: 3 });
  await drawPhotos(input, { classes: ['rose', 'tulip'], count: 3, first: 20, flat: true });
  await writeFile(join(input, 'damaged.png'), 'no');
  args = ['--run', await writeTinyRun(folder), '--labelled', labelled, '--input', input, '--precision', 'float32'];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('contrastive label', () => {
  it('names images by their neighbours, the least certain first', async () => {
    const { code, stdout, stderr } = await label('--k', '3', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const images = records.filter(({ kind }) => kind === 'image');
    expect(images).toHaveLength(6);
    for (const { path, class: name, confidence, nearest, similarity } of images) {
      expect(path.startsWith(name), path).toBe(true);
      expect(confidence).toBeGreaterThan(0.3);
      expect(nearest).toMatch(new RegExp(`^${name}/\\d+\\.png$`));
      expect(similarity).toBeGreaterThan(0.5);
    }
    const margins = images.map(({ confidence, runnerUpConfidence }) => confidence - (runnerUpConfidence ?? 0));
    expect(margins).toEqual([...margins].sort((a, b) => a - b));
    for (const [i, { check }] of images.entries()) expect(check).toBe((margins[i] as number) < 0.5);
    const { skipped, ...result } = records.at(-1);
    expect(result).toMatchObject({ kind: 'result', images: 6, labelled: 12 });
    expect(skipped).toMatchObject([{ name: 'damaged.png' }]);
  });

  it('writes a table, and counts what is to be checked', async () => {
    const out = join(folder, 'labels.csv');
    const { code, stdout } = await label('--out', out, '--check-below', '1');
    expect(code).toBe(0);
    expect(stdout).toContain('6 images by 12 labelled, 6 of them to check; 1 skipped');
    const [head, row] = (await readFile(out, 'utf8')).split('\n');
    expect(head).toBe('path,class,confidence,runnerUp,runnerUpConfidence,nearest,similarity,check');
    expect(row).toMatch(/^(rose|tulip)-2\d\.png,.*,true$/);
  });

  it('refuses a folder with one class, or without classes', async () => {
    const one = join(folder, 'one');
    await drawPhotos(one, { classes: ['rose'], count: 2 });
    expect((await label('--labelled', one)).stderr).toMatch(/one has one class only.* \[ERR_DATA\]/);
    const { code, stderr } = await label('--labelled', input);
    expect(code).toBe(1);
    expect(stderr).toContain('labelled images lie in a folder for each class; there is none [ERR_DATA]');
  });

  it('looks for the run before it looks for images', async () => {
    const { code, stderr } = await runWith([command], ['label', folder, 'no-folder', 'nor-this']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/there is no run in .* \[ERR_CHECKPOINT\]/)]);
  });
});
