import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command as exportCommand } from '../../lib/cli/export.ts';
import { command } from '../../lib/cli/fine-tune.ts';
import { command as predictCommand } from '../../lib/cli/predict.ts';
import { command as reportCommand } from '../../lib/cli/report.ts';
import { createClassifier } from '../../lib/serve/image-classifier.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';
import { drawPhotos } from './drawn-photos.ts';
import { type Ran, runWith } from './run-cli.ts';

const classes = ['daisy', 'iris', 'rose', 'tulip'];
let folder: string;
let run: string;
let photos: string;
let tuned: string;
let first: Ran;
const tune = (...args: string[]): Promise<Ran> => runWith([command], ['fine-tune', '--run', run, ...args]);
const predict = (...args: string[]): Promise<Ran> => runWith([predictCommand], ['predict', '--run', tuned, ...args]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fine-tune-'));
  run = await writeTinyRun(folder);
  photos = join(folder, 'photos');
  tuned = join(folder, 'tuned');
  await drawPhotos(join(photos, 'train'), {});
  await drawPhotos(join(photos, 'test'), { count: 4, first: 50 });
  first = await tune('--data', `folder:${photos}`, '--out', tuned, '--precision', 'float32', '--json');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('contrastive fine-tune', () => {
  it('makes of 60 photos in 4 classes a classifier that is right, by the defaults', async () => {
    expect([first.code, first.stderr]).toEqual([0, '']);
    const result = JSON.parse(first.stdout.trim().split('\n').at(-1) as string);
    expect(result).toMatchObject({
      ...{ kind: 'result', accuracy: 1, classes, steps: 200, epochs: 100, batchSize: 30, lr: 0.5 },
      ...{ trainImages: 60, testImages: 16, run, out: tuned },
    });
    const { config } = await RunFolder.open(tuned);
    expect(config).toMatchObject({
      classes,
      data: { name: 'folder', path: photos },
      method: { name: 'cross-entropy' },
    });
  });

  it('says what it does in words; what is typed wins', async () => {
    const out = join(folder, 'short');
    const args = ['--epochs', '2', '--lr', '0.1', '--batch-size', '20', '--label-fraction', '0.7'];
    const { code, stdout } = await tune('--data', `folder:${photos}`, '--out', out, ...args);
    expect(code).toBe(0);
    expect(stdout).toContain('2 epochs, 4 steps of 20 images, learning rate 0.1, into ');
    expect(stdout).toMatch(/loss \d\.\d{4}; \d+\.\d% of 16 test images right \(95% interval \d+\.\d to \d+\.\d%\)/);
    expect(stdout).toContain('next: npx contrastive predict ');
  });

  it('warns of classes that training lacks', async () => {
    const open = join(folder, 'open');
    await drawPhotos(join(open, 'train'), { classes: ['daisy', 'iris'], count: 4 });
    await drawPhotos(join(open, 'test'), { classes: ['iris', 'rose'], count: 1 });
    const { code, stderr } = await tune('--data', open, '--out', join(folder, 'lacking'), '--epochs', '1');
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: 1 of the 2 classes of the test images have no training image \(50\.0% of/),
    ]);
  });

  it('has the accuracy of its classifier in its report', async () => {
    const out = join(folder, 'reported');
    const short = ['--epochs', '1', '--lr', '0.2', '--batch-size', '30', '--precision', 'float32', '--json'];
    const lines = (await tune('--data', photos, '--out', out, ...short)).stdout.trim().split('\n');
    const { accuracy } = JSON.parse(lines.at(-1) as string);
    expect(accuracy).toBeLessThan(1);
    const ran = await runWith([reportCommand], ['report', out]);
    expect(ran).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ +kNN +linear probe +fine-tuned\nUntrained .* –\n/),
    });
    const { trained } = JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8'));
    expect(trained.fineTuneTop1).toBe(accuracy);
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page).toContain(`>${(100 * accuracy).toFixed(1)}%</span>`);
    expect(page).toContain('<th scope="col" class="num">Fine-tuned</th>');
  });

  it('goes on after it was stopped', async () => {
    const args = ['--data', photos, '--out', join(folder, 'stopped'), '--epochs', '10', '--precision', 'float32'];
    const controller = new AbortController();
    const { signal } = controller;
    const until = setInterval(async () => {
      const steps = await RunFolder.open(join(folder, 'stopped')).then(
        (opened) => opened.steps(),
        () => [],
      );
      if (steps.length > 0) controller.abort('SIGINT');
    }, 1);
    const ran = await runWith([command], ['fine-tune', '--run', run, ...args], { signal });
    clearInterval(until);
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(/Stopped at step \d+; checkpoint saved\. The same command with --resume goes on\./);
    const again = await tune(...args, '--resume', '--json');
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1) as string)).toMatchObject({ steps: 20, epochs: 10 });
  });

  it('refuses images without classes or of one class, a folder that holds a run, and a run that is none', async () => {
    const flat = join(folder, 'flat');
    await drawPhotos(flat, { count: 1, flat: true });
    const of = async (...args: string[]) => (await tune(...args)).stderr;
    expect(await of('--data', flat)).toMatch(/flat has no labels.*class folders \[ERR_DATA\]/);
    const one = join(folder, 'one');
    await drawPhotos(one, { classes: ['rose'], count: 3 });
    expect(await of('--data', one)).toMatch(/one has one class only.* \[ERR_DATA\]/);
    expect(await of('--data', `folder:${photos}`, '--out', tuned)).toMatch(/holds a run already.* \[ERR_CHECKPOINT\]/);
    expect((await runWith([command], ['fine-tune', '--run', folder])).stderr).toMatch(/no run in .*\[ERR_CHECKPOINT\]/);
  });
});

describe('contrastive predict', () => {
  it('names the images of a folder, as a table', async () => {
    const { code, stdout } = await predict('--input', join(photos, 'test'), '--precision', 'float32');
    expect(code).toBe(0);
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head).toBe('path,class,confidence,runnerUp,runnerUpConfidence');
    expect(rows).toHaveLength(16);
    await using classifier = await createClassifier({ checkpoint: tuned });
    for (const row of rows) {
      const [path, name, confidence, runnerUp, next] = row.split(',') as [string, string, string, string, string];
      expect(path.startsWith(`${name}/`), row).toBe(true);
      const expected = await classifier.classifyFile(join(photos, 'test', path));
      expect(Number(confidence)).toBeCloseTo(expected.confidence, 5);
      expect(runnerUp).toBe(expected.runnerUp?.class);
      expect(Number(next)).toBeCloseTo(expected.runnerUp?.confidence as number, 5);
    }
  });

  it('writes CSV and JSON lines, whole or not at all, and leaves out what is damaged', async () => {
    const input = join(folder, 'mixed');
    await drawPhotos(input, { classes: ['rose'], count: 2, flat: true });
    await writeFile(join(input, 'rose-9.png'), 'not an image');
    const [csv, lines] = [join(folder, 'classes.csv'), join(folder, 'classes.jsonl')];
    const ran = await predict('--input', input, '--out', csv);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringMatching(/rose-9\.png: .*; skipped/) });
    expect(ran.stdout).toMatch(/^2 images in .*; 1 skipped\n/);
    expect((await readFile(csv, 'utf8')).split('\n')[1]).toMatch(/^rose-0\.png,rose,0\.\d+,\w+,/);
    expect((await predict('--input', input, '--out', lines)).code).toBe(0);
    const records = (await readFile(lines, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toMatchObject([{ path: 'rose-0.png', class: 'rose' }, { path: 'rose-1.png' }]);
    const strict = join(folder, 'strict.csv');
    expect(await predict('--input', input, '--out', strict, '--strict')).toMatchObject({ code: 1 });
    await expect(access(strict)).rejects.toThrow();
  });

  it('gives an object an image under --json', async () => {
    const { stdout } = await predict('--input', join(photos, 'test', 'rose'), '--json');
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toHaveLength(5);
    expect(records[0]).toMatchObject({ kind: 'image', path: '50.png', class: 'rose' });
    expect(records[4]).toMatchObject({ kind: 'result', images: 4, skipped: [] });
  });

  it('looks for the run before it looks for images', async () => {
    expect((await runWith([predictCommand], ['predict', folder, 'no-folder'])).stderr).toMatch(/there is no run in/);
  });

  it('refuses a run without a classifier, a file of another kind, a folder without images', async () => {
    const of = async (args: string[]) => (await runWith([predictCommand], ['predict', ...args])).stderr;
    const input = join(photos, 'test');
    expect(await of(['--run', run, '--input', input])).toMatch(/holds no classifier .*fine-tune.* \[ERR_CHECKPOINT\]/);
    expect(await of(['--run', tuned, '--input', input, '--out', 'x.txt'])).toMatch(
      /in \.csv or \.jsonl.* \[ERR_OPTION\]/,
    );
    expect(await of(['--run', tuned, '--input', join(folder, 'gone')])).toMatch(/no such file.* \[ERR_DATA\]/);
  });

  it('stops by a signal', async () => {
    const controller = new AbortController();
    controller.abort('SIGINT');
    const args = ['predict', '--run', tuned, '--input', join(photos, 'test')];
    expect(await runWith([predictCommand], args, { signal: controller.signal })).toMatchObject({ code: 130 });
  });
});

describe('a classifier as an ONNX file', () => {
  it('carries the names of its classes', async () => {
    const out = join(folder, 'model.onnx');
    const ran = await runWith([exportCommand], ['export', '--run', tuned, '--out', out, '--head', '--json']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(out)).toString('latin1')).toContain(JSON.stringify(classes));
    const beside = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
    expect(beside).toMatchObject({ classes, output: { name: 'logits', shape: ['batch', 4] } });
    const without = await runWith([exportCommand], ['export', '--run', tuned, '--out', join(folder, 'encoder.onnx')]);
    expect(without.stdout).toContain('The classifier of the run is not in it; --head includes it.');
  });
});
