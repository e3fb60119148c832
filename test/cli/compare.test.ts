/** `runs`, `compare` and `report`, on one small training and a copy of it. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfig } from '../../lib/checkpoint/run-config.ts';
import { lockRun } from '../../lib/checkpoint/run-lock.ts';
import { command as compareCommand, knnWord, spark } from '../../lib/cli/compare.ts';
import { compareConfigs } from '../../lib/cli/config-differences.ts';
import { command as reportCommand } from '../../lib/cli/report.ts';
import { namesOf } from '../../lib/cli/run-names.ts';
import type { RunRecord } from '../../lib/cli/run-record.ts';
import { dateText, command as runsCommand } from '../../lib/cli/runs.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { wilsonInterval } from '../../lib/evaluate/proportion.ts';
import { type Ran, runWith } from './run-cli.ts';

let folder: string;
let a: string;
let b: string;

const commands = [runsCommand, compareCommand, reportCommand, trainCommand];
const run = (...args: string[]): Promise<Ran> => runWith(commands, args);
const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));
const recordsOf = async (path: string) =>
  (await readFile(join(path, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compare-'));
  [a, b] = [join(folder, 'runs', 'a'), join(folder, 'runs', 'deep', 'b')];
  const small = ['--width', '4', '--batch-size', '48', '--limit-train', '120', '--limit-test', '60', '--epochs', '2'];
  const ran = await run('train', '--data', 'fashion-mnist:bundled', ...small, '--knn-every', '1', '--out', a);
  expect(ran.code, ran.stderr).toBe(0);
  await mkdir(join(folder, 'runs', 'deep'));
  await cp(a, b, { recursive: true });
  const config = await readJson(b, 'config.json');
  config.optimizer.lr = 0.5;
  config.epochs = 9;
  await writeFile(join(b, 'config.json'), JSON.stringify(config));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('contrastive runs', () => {
  it('lists what is below a folder, with what its files say', async () => {
    const { code, stdout } = await run('runs', join(folder, 'runs'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^run +last written +method +encoder +data +epochs +best kNN +state\n/);
    expect(stdout).toMatch(
      /\na +\d{4}-\d\d-\d\d \d\d:\d\d +supcon +resnet18 of width 4 +fashion-mnist:bundled, 120 images +2\/2 +\d+\.\d% +finished\n/,
    );
    expect(stdout).toMatch(/\ndeep\/b .* 2\/9 .*stopped\n/);
    expect(stdout).toContain('\n2 runs in ');
  });

  it('gives a program one object a run, and says which is training', async () => {
    const lock = await lockRun(b);
    const { stdout } = await run('runs', join(folder, 'runs'), '--json');
    await lock.release();
    const runs = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const epochs = (await recordsOf(a)).filter(({ kind }) => kind === 'epoch');
    const accuracies = epochs.map(({ metrics }) => metrics.knnTop1);
    expect(runs.find((each) => each.run === a)).toMatchObject({
      ...{ method: 'supcon', epochs: 2, epochsAsked: 2, step: 4, state: 'finished', testImages: 60 },
      ...{ loss: epochs[1].loss, knnTop1: accuracies[1], knnBest: Math.max(...accuracies) },
    });
    expect(runs.find((each) => each.run === b)).toMatchObject({ state: 'training' });
  });

  it('passes over what is damaged, and says where there is nothing', async () => {
    const broken = join(folder, 'broken');
    await mkdir(join(broken, 'x'), { recursive: true });
    await writeFile(join(broken, 'x', 'config.json'), '{}');
    const none = await run('runs', broken);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/warning: .*format must be 1.*no runs/s) });
    expect(await run('runs', join(folder, 'nowhere'))).toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(/^error: there is no folder .*nowhere \[ERR_DATA\]$/m) },
    });
  });

  it('writes dates in the zone of the machine', () => {
    expect(dateText(new Date(2026, 0, 5, 9, 7))).toBe('2026-01-05 09:07');
  });
});

describe('contrastive compare', () => {
  it('shows differences first, then figures; the page has the curves', async () => {
    const page = join(folder, 'compare.html');
    const { code, stdout } = await run('compare', a, b, '--html', page);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^differs +a +b\noptimizer\.lr +0\.05 +0\.5\nepochs +2 +9\n\n\d+ other fields of the configs are the same\./,
    );
    expect(stdout).toMatch(/\nbest kNN +\d+\.\d% \(\d+\.\d to \d+\.\d%\), epoch \d of 2 /);
    expect(stdout).toMatch(/\nkNN accuracy +\d+\.\d% /);
    expect(stdout).toMatch(/\nloss +\d\.\d+ [▁-█]{4} +\d\.\d+ [▁-█]{4}\n/);
    expect(stdout).toContain('do not differ beyond the noise of 60 test images');
    const html = await readFile(page, 'utf8');
    expect(html).toMatch(
      /<tr><th scope="row">optimizer\.<wbr>lr<\/th><td class="value">0\.05<\/td><td class="value">0\.5</,
    );
    for (const id of ['configs', 'results', 'curves']) expect(html).toContain(`<h2 id="${id}">`);
    expect(html).not.toMatch(/https?:\/\//);
  });

  it('gives a program the differences and the last figures', async () => {
    const result = JSON.parse((await run('compare', a, b, '--json')).stdout);
    expect(result.differences).toEqual({ 'optimizer.lr': ['0.05', '0.5'], epochs: ['2', '9'] });
    const losses = (await recordsOf(a)).filter(({ kind }) => kind === 'step').map(({ loss }) => loss);
    expect(result.runs).toMatchObject([{ run: a, step: 4, figures: { loss: losses.at(-1) } }, { run: b }]);
  });

  it('needs two runs', async () => {
    expect(await run('compare', a)).toMatchObject({ code: 2, stderr: expect.stringContaining('two runs at least') });
    expect(await run('compare', a, folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ERR_CHECKPOINT'),
    });
  });

  it('finds fields that only one config has', async () => {
    const config = await readJson(a, 'config.json');
    const fields = compareConfigs([config, { ...config, ema: { decay: 0.9 } }]);
    expect(fields[0]).toEqual({ name: 'ema.decay', values: [undefined, '0.9'], differs: true });
    expect(fields.slice(1).every(({ differs }) => !differs)).toBe(true);
  });

  it('finds what differs within the transforms of a view, and their order', async () => {
    const config = await readJson(a, 'config.json');
    const crop = { kind: 'randomResizedCrop', size: [28, 28], scale: [0.2, 1], p: 1 };
    const flip = { kind: 'randomHorizontalFlip', p: 0.5 };
    const of = (...transforms: object[]) => ({ ...config, augment: [{ channels: 3, transforms }] });
    const differences = (...configs: RunConfig[]) =>
      Object.fromEntries(
        compareConfigs(configs).flatMap(({ name, values, differs }) => (differs ? [[name, values]] : [])),
      );
    expect(differences(of(crop, flip), of({ ...crop, scale: [0.5, 1] }, flip))).toEqual({
      'augment.transforms.randomResizedCrop.scale': ['[0.2,1]', '[0.5,1]'],
    });
    expect(differences(of(crop, flip), of(flip, crop))).toEqual({
      'augment.transforms': ['randomResizedCrop → randomHorizontalFlip', 'randomHorizontalFlip → randomResizedCrop'],
    });
    expect(differences(of(crop), of(crop, flip))).toEqual({
      'augment.transforms': ['randomResizedCrop', 'randomResizedCrop → randomHorizontalFlip'],
      'augment.transforms.randomHorizontalFlip.p': [undefined, '0.5'],
    });
    const views = of(crop).augment;
    expect(differences({ ...config, augment: views }, { ...config, augment: [...views, ...views] })).toEqual({
      'augment.count': ['1', '2'],
    });
    expect(differences({ ...config, augment: [...views, ...of(flip).augment] }, of(crop))).toHaveProperty([
      'augment.2.transforms',
    ]);
    expect(differences(of(flip, flip), of(flip, { ...flip, p: 1 }))).toEqual({
      'augment.transforms.2.p': ['0.5', '1'],
    });
  });

  it('draws curves on one scale, and names runs as short as they stay apart', () => {
    const curve = (...values: number[]) => ({ epochs: values.map((_, i) => i), values });
    expect(spark(curve(0, 1, 2, 3, 4, 5, 6, 7), 0, 7)).toBe('▁▂▃▄▅▆▇█');
    expect(spark(curve(1, 1), 1, 1)).toBe('▅▅');
    expect(spark(curve(...Array.from({ length: 64 }, (_, i) => i)), 0, 63)).toHaveLength(16);
    expect(namesOf([{ path: '/r/x/a' }, { path: '/r/y/b' }])).toEqual(['a', 'b']);
    expect(namesOf([{ path: '/r/x/a' }, { path: '/r/y/a' }])).toEqual(['x/a', 'y/a']);
    expect(new Set(namesOf([{ path: '/r/a' }, { path: '/r/a' }])).size).toBe(2);
  });

  it('says who is ahead only beyond noise, of the same data and as many images', () => {
    const of = (top1: number, testImages = 1000, path = '/photos') =>
      ({
        knn: { epochs: [{ epoch: 0, top1 }], chance: 0.1, testImages },
        config: { data: { name: 'folder', path } },
      }) as unknown as RunRecord;
    expect(knnWord([of(0.5), of(0.6)], ['x', 'y'])).toBe('y is ahead by kNN, beyond the noise of 1,000 test images.');
    expect(knnWord([of(0.5), of(0.51)], ['x', 'y'])).toMatch(/y and x, do not differ/);
    expect(knnWord([of(0.5), of(0.6, 10)], ['x', 'y'])).toMatch(/different numbers of test images/);
    expect(knnWord([of(0.5), of(0.6, 1000, '/flowers')], ['x', 'y'])).toMatch(/of different data/);
    expect(knnWord([of(0.5), { ...of(0), knn: undefined }], ['x', 'y'])).toBeUndefined();
  });
});

describe('contrastive report', () => {
  const fileIn = (page: string, name: string): string =>
    Buffer.from(
      new RegExp(`download="${name}" href="data:[^,]*;base64,([^"]*)"`).exec(page)?.[1] ?? '',
      'base64',
    ).toString();

  it('writes a page whose numbers are in the files of the run', async () => {
    const ran = await run('report', a, '--limit-test', '60', '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const result = JSON.parse(ran.stdout);
    const page = await readFile(join(a, 'report.html'), 'utf8');
    expect(result).toMatchObject({ report: join(a, 'report.html'), evaluations: [join(a, 'evaluation.json')] });

    const evaluation = await readJson(a, 'evaluation.json');
    const { trained, untrained, labels, classes, testImages } = evaluation;
    expect(evaluation).toMatchObject({ format: 1, trainImages: 120, testImages: 60, k: 20, temperature: 0.1 });
    const share = (judged: { predictions: number[] }) =>
      judged.predictions.filter((predicted, i) => predicted === labels[i]).length / testImages;
    for (const judged of [trained, untrained]) {
      expect(judged.knnTop1).toBeCloseTo(share(judged), 9);
      expect(page).toContain(`>${(judged.knnTop1 * 100).toFixed(1)}%</span>`);
      expect(page).toContain(`>${(judged.linearTop1 * 100).toFixed(1)}%</span>`);
    }
    const first = labels.flatMap((label: number, i: number) => (label === 0 ? [i] : []));
    const right = first.filter((i: number) => trained.predictions[i] === 0).length;
    expect(page).toContain(`title="${classes[0]} taken for ${classes[0]}: ${right} of ${first.length}"`);
    const wrong = labels.filter((label: number, i: number) => trained.predictions[i] !== label).length;
    expect(page).toContain(`a: ${wrong} of 60 test images are taken for another class.`);

    const records = await recordsOf(a);
    const start = records.find(({ step }) => step === 0).metrics;
    const best = await readJson(a, 'checkpoints', 'best.json');
    expect(evaluation.step).toBe(best.step);
    expect(trained.knnTop1).toBeCloseTo(best.value, 6); // the same images and the same judge
    expect(page).toContain(`before training ${(start.knnTop1 * 100).toFixed(1)}%`);
    expect(page).toContain(`chance ${(start.chanceTop1 * 100).toFixed(1)}%`);
    expect(page).toContain('a: of 2 epochs at which kNN was measured');
    expect(page).toContain('a: each epoch leaves out 24 of 120 images, others each time: 2 steps of 48.');
    const curves = fileIn(page, 'curves.csv')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const losses = records.filter(({ kind }) => kind === 'step').map(({ loss }) => loss);
    expect(curves.filter(([, figure]) => figure === 'loss').map((row) => Number(row[3]))).toEqual(losses);
    const rows = fileIn(page, 'predictions.csv').trim().split('\n');
    expect(rows).toHaveLength(61);
    const taken = (judged: { predictions: number[] }) => classes[judged.predictions[0] as number];
    expect(rows[1]?.replaceAll(/,[\d.]+(?=,|$)/g, '')).toBe(
      ['fashion-mnist 0', classes[labels[0]], taken(untrained), taken(trained)].join(','),
    );
  });

  it('has no number that the files of the run and of its data do not give', async () => {
    expect(await run('report', a, '--limit-test', '60')).toMatchObject({ code: 0 });
    const page = await readFile(join(a, 'report.html'), 'utf8');
    const { labels, classes, chanceTop1, untrained, trained } = await readJson(a, 'evaluation.json');
    const { config, ...rest } = {
      config: await readJson(a, 'config.json'),
      best: await readJson(a, 'checkpoints/best.json'),
    };
    const known = new Set(['20', '95%', '5%', '0%', '100%', '8']); // neighbours, level, its rest, ends of a scale, shown neighbours
    const count = (value: number) => known.add(value.toLocaleString('en'));
    const share = (value: number) => known.add(`${(value * 100).toFixed(1)}%`);
    const judged = (right: number, of: number) => {
      for (const value of [right, ...wilsonInterval(right, of)]) share(value);
    };
    const numbersIn = (value: unknown): number[] =>
      typeof value === 'number'
        ? [value]
        : Object.values(value ?? {}).flatMap((each) => (typeof each === 'string' ? [] : numbersIn(each)));
    for (const value of numbersIn([config, rest])) known.add(String(value));

    const images = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train', limit: 120 });
    const records = await recordsOf(a);
    const { metrics } = records.find(({ step }) => step === 0);
    for (const value of [metrics.knnTop1, metrics.chanceTop1, chanceTop1]) share(value);
    for (const value of [labels.length, records.filter(({ kind }) => kind === 'epoch').length]) count(value);
    const steps = records.filter(({ kind, epoch }) => kind === 'step' && epoch === 0).length;
    for (const value of [120, steps, config.batchSize, 120 - steps * config.batchSize]) count(value);
    for (const figure of ['knnTop1', 'linearTop1']) {
      judged(untrained[figure], labels.length);
      judged(trained[figure], labels.length);
      known.add(Math.abs((trained[figure] - untrained[figure]) * 100).toFixed(1));
    }
    const first = classes.flatMap((_: string, c: number) => (labels.includes(c) ? [labels.indexOf(c)] : []));
    for (const { predictions, confidences, neighbours, mistakes } of [untrained, trained]) {
      const wrong = labels.flatMap((label: number, i: number) => (predictions[i] === label ? [] : [i]));
      for (const value of [wrong.length, mistakes.length]) count(value);
      for (const { test } of mistakes) share(confidences[test]).add(String(test));
      const alike = (row: number[], test: number) => row.filter((n) => images.labels?.[n] === labels[test]).length;
      const right = first.map((test: number, i: number) => alike(neighbours[i], test));
      for (const value of [...right, right.reduce((sum: number, each: number) => sum + each, 0), 8 * first.length])
        count(value);
      for (const { test, neighbours: row } of mistakes) count(alike(row, test));
      for (const [c] of classes.entries()) {
        const taken = predictions.filter((_: number, i: number) => labels[i] === c);
        for (const [p] of classes.entries()) count(taken.filter((each: number) => each === p).length);
        count(taken.length);
        if (taken.length > 0) judged(taken.filter((each: number) => each === c).length / taken.length, taken.length);
      }
    }
    const text = page
      .replace(/^.*<body>/s, '')
      .replaceAll(
        /<(script|svg|pre)\b.*?<\/\1>|<figcaption><h3>.*?<\/figcaption>|<span class="[xy]tick".*?<\/span>/gs,
        '',
      )
      .replaceAll('<wbr>', '')
      .replaceAll(/<[^>]*>/g, ' ');
    const numbers = text.match(/(?<![\w.])\d[\d,]*(?:\.\d+)?%?/g) ?? [];
    expect(numbers.length).toBeGreaterThan(100);
    expect(numbers.filter((each) => !known.has(each))).toEqual([]);
  });

  it('measures nothing again that is the same', async () => {
    const page = () => readFile(join(a, 'report.html'), 'utf8');
    const report = async (...more: string[]) => {
      const { code, stdout } = await run('report', a, '--limit-test', '60', ...more);
      expect(code).toBe(0);
      return stdout.includes('evaluation.json: measured before, of the same weights and images\n');
    };
    await report();
    const first = await page();
    expect([await report(), await page()]).toEqual([true, first]);
    expect([await report('--seed', '1'), await report()]).toEqual([false, false]);
    const file = join(a, 'evaluation.json');
    const kept = await readJson(a, 'evaluation.json');
    await writeFile(file, JSON.stringify({ ...kept, trained: { ...kept.trained, map: [null] } }));
    expect([await report(), await page()]).toEqual([false, first]);
  });

  it('judges several runs on the same images', async () => {
    const out = join(folder, 'new', 'two.html');
    const { code, stdout } = await run('report', a, join(b, 'checkpoints', '4'), '--limit-test', '40', '--out', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ +kNN +linear probe\nUntrained .*\na .*\nb .*\nopen the report: /);
    const page = await readFile(out, 'utf8');
    expect(page).toContain('<title>a and b</title>');
    expect(page.split('<figure class="map">')).toHaveLength(4);
    expect(await readJson(b, 'evaluation.json')).not.toHaveProperty('untrained');
  });

  it('shows the training images and their nearest others where nothing has a label', async () => {
    const bare = join(folder, 'bare');
    await cp(a, bare, { recursive: true });
    const images = join(folder, 'images');
    await mkdir(images);
    for (const name of ['rgb.jpg', 'rgb.png', 'gray.png', 'cmyk.jpg'])
      await cp(join('test/fixtures/data/images', name), join(images, name));
    const ran = await run('report', bare, '--data', `folder:${images}`);
    expect(ran.code, ran.stderr).toBe(0);
    const page = await readFile(join(bare, 'report.html'), 'utf8');
    expect(page).toContain('There are no accuracies: ');
    for (const id of ['curves', 'maps', 'gallery']) expect(page).toContain(`<h2 id="${id}">`);
    expect(page).not.toContain('<h2 id="results">');
    // Of the four images each has the three others as its neighbours, by either encoder.
    expect(page.split('aria-label="Neighbour 3"')).toHaveLength(1 + 2 * 4);
    expect(page).not.toContain('aria-label="Neighbour 4"');
  });

  it('refuses runs of other data, or with other images put aside, and no run', async () => {
    const other = join(folder, 'other');
    await cp(a, other, { recursive: true });
    const config = await readJson(other, 'config.json');
    const withData = (data: object) =>
      writeFile(join(other, 'config.json'), JSON.stringify({ ...config, data: { ...config.data, ...data } }));
    await withData({ path: '/elsewhere' });
    expect(await run('report', a, other)).toMatchObject({
      ...{ code: 2, stderr: expect.stringMatching(/different data.*--data says on which/) },
    });
    await withData({ heldOut: { fraction: 0.2, seed: 1 } });
    const aside =
      /put aside different images .*, a none and other 0\.2 of each class by seed 1.*test images of its own/;
    expect(await run('report', a, other)).toMatchObject({ code: 2, stderr: expect.stringMatching(aside) });
    const images = join(folder, 'labelled');
    for (const [name, file] of [
      ['x', 'rgb.jpg'],
      ['x', 'rgb.png'],
      ['y', 'gray.png'],
      ['y', 'cmyk.jpg'],
    ] as const)
      await cp(join('test/fixtures/data/images', file), join(images, name, file));
    const out = join(folder, 'typed.html');
    const typed = await run('report', a, other, '--data', images, '--out', out);
    expect(typed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('some were trained on images that all are'),
    });
    expect(await readFile(out, 'utf8')).toContain('The test images may be nothing new');
    expect(await run('report', a, '--out', folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('.html'),
    });
    expect(await run('report')).toMatchObject({ code: 2, stderr: expect.stringContaining('RUN is missing') });
    expect(await run('report', folder)).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_CHECKPOINT') });
  });
});
