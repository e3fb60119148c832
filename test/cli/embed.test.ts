import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProgramContext, runProgram } from '../../lib/cli/program.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { setBackends } from '../../lib/tensor/backends.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
const commands = { embed: () => import('../../lib/cli/embed.ts') };

let folder: string;
let run: string;
let images: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embed-'));
  run = await writeTinyRun(folder);
  images = join(folder, 'images');
  await mkdir(join(images, 'sub'), { recursive: true });
  for (const [from, to] of [
    ['rgb.jpg', 'img10.jpg'],
    ['rgb.png', 'img2.png'],
    ['truncated.jpg', 'img3.jpg'],
    ['gray.png', 'sub/gray.png'],
  ] as const)
    await cp(join(fixtures, from), join(images, to));
  await writeFile(join(images, 'notes.txt'), 'no image');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `contrastive embed …` in this process. */
async function embed(args: readonly string[], over: Partial<ProgramContext> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const streams = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  };
  const { signal } = new AbortController();
  const code = await runProgram(['embed', ...args], { commands, signal, streams, ...over });
  return { code, out: out.join(''), err: err.join('') };
}

async function readNpy(path: string): Promise<{ rows: number; dim: number; values: Float32Array }> {
  const bytes = await readFile(path);
  const start = 10 + bytes.readUInt16LE(8);
  const [, rows, dim] = /'shape': \((\d+), (\d+)\)/.exec(bytes.toString('latin1', 10, start)) ?? [];
  return {
    rows: Number(rows),
    dim: Number(dim),
    values: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer),
  };
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

describe('contrastive embed', () => {
  it('writes a row for each image below a folder, and the index; leaves bad ones out with a warning', async () => {
    const out = join(folder, 'new', 'features.npy');
    const {
      code,
      out: text,
      err,
    } = await embed(['--run', run, '--input', images, '--out', out, '--precision', 'float32']);
    expect([code, err]).toEqual([0, expect.stringMatching(/^warning: .*img3\.jpg: cannot be decoded.*; skipped$/m)]);
    expect(text).toMatch(/^3 images, 32 features each, in .*; 1 skipped\n/);
    const index = JSON.parse(await readFile(join(folder, 'new', 'features.json'), 'utf8'));
    expect(index).toMatchObject({
      format: 1,
      file: 'features.npy',
      rows: 3,
      dim: 32,
      normalized: false,
      run,
      step: 7,
      encoder: { name: 'resnet18' },
      input: images,
      names: ['img2.png', 'img10.jpg', 'sub/gray.png'],
      skipped: [{ name: 'img3.jpg', reason: expect.stringMatching(/cannot be decoded/) }],
    });
    const { rows, dim, values } = await readNpy(out);
    expect([rows, dim, values.length]).toEqual([3, 32, 96]);
    await using embedder = await createEmbedder({ checkpoint: run });
    for (const [i, name] of index.names.entries()) {
      const expected = await embedder.embedFile(join(images, name));
      const row = values.subarray(32 * i, 32 * i + 32);
      expect(Math.max(...row.map((value, j) => Math.abs(value - (expected[j] as number))))).toBeLessThan(1e-5);
    }
    expect(await readdir(join(folder, 'new'))).toEqual(['features.json', 'features.npy']);
  });

  it('reports to machines, and takes one image', async () => {
    const out = join(folder, 'one');
    const args = ['--run', run, '--input', join(images, 'img2.png'), '--out', out, '--normalize', '--json'];
    const { code, out: text, err } = await embed([...args, '--precision', 'bfloat16', '--batch-size', '1']);
    expect([code, err]).toEqual([0, '']);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      {
        out: `${out}.npy`,
        index: `${out}.json`,
        rows: 1,
        dim: 32,
        skipped: 0,
        seconds: expect.any(Number),
        imagesPerSecond: expect.any(Number),
      },
    ]);
    expect(Math.hypot(...(await readNpy(`${out}.npy`)).values)).toBeCloseTo(1, 5);
    expect(JSON.parse(await readFile(`${out}.json`, 'utf8')).names).toEqual(['img2.png']);
  });

  it('sets how a GPU computes', async () => {
    const usual = { matmulPrecision: 'highest', cudnnBenchmark: false, cudnnDeterministic: false } as const;
    const args = ['--run', run, '--input', join(images, 'img2.png'), '--out', join(folder, 'set')];
    expect(await embed([...args, '--matmul-precision', 'high', '--cudnn-deterministic'])).toMatchObject({ code: 0 });
    expect(loadAddon().backends()).toEqual({ ...usual, matmulPrecision: 'high', cudnnDeterministic: true });
    setBackends(usual);
    expect(await embed([...args, '--matmul-precision', 'medium'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--matmul-precision'),
    });
  });

  it('takes weights from a file in place of a run, and says what it loaded', async () => {
    const weights = join(folder, 'resnet18.pth');
    using encoder = resnet18({ stem: 'cifar' });
    await encoder.save(weights);
    const out = join(folder, 'pretrained');
    const source = ['--encoder', 'resnet18', '--weights', weights, '--stem', 'cifar', '--size', '16'];
    const { code, out: text } = await embed([...source, '--input', join(images, 'img2.png'), '--out', out]);
    expect(code).toBe(0);
    expect(text).toMatch(/resnet18\.pth: 120 tensors\n1 image, 512 features each/);
    const index = JSON.parse(await readFile(`${out}.json`, 'utf8'));
    expect(index).toMatchObject({ weights, encoder: { name: 'resnet18', stem: 'cifar' }, dim: 512 });
    expect('run' in index || 'step' in index).toBe(false);
    for (const half of [[], ['--encoder', 'resnet18'], ['--run', run, '--size', '8'], ['--run', run, ...source]])
      expect(await embed([...half, '--input', images, '--out', out])).toMatchObject({
        code: 2,
        err: expect.stringMatching(
          /RUN is missing, the folder of a run; or --encoder NAME and --weights FILE .*\[ERR_OPTION\]/,
        ),
      });
  });

  it('replaces what an earlier call wrote', async () => {
    const out = join(folder, 'again.npy');
    for (const input of [images, join(images, 'sub')])
      expect((await embed(['--run', run, '--input', input, '--out', out])).code).toBe(0);
    expect((await readNpy(out)).rows).toBe(1);
    expect(JSON.parse(await readFile(join(folder, 'again.json'), 'utf8')).names).toEqual(['gray.png']);
  });

  it.each([
    [
      'a folder without images',
      () => ['--input', join(run, 'checkpoints')],
      1,
      /no images .* below this folder \[ERR_DATA\]/,
    ],
    [
      'a folder that is not there',
      () => ['--input', join(folder, 'nowhere')],
      1,
      /no such file or folder \[ERR_DATA\]/,
    ],
    ['only bad images', () => ['--input', join(images, 'img3.jpg')], 1, /no image of 1 could be decoded.*\[ERR_DATA\]/],
    [
      'a bad image, with --strict',
      () => ['--input', images, '--strict'],
      1,
      /img3\.jpg: cannot be decoded.*\[ERR_DATA\]/,
    ],
    ['a run that is not there', () => ['--input', images, '--run', folder], 1, /config\.json.*\[ERR_CHECKPOINT\]/],
    [
      'a misspelled option',
      () => ['--input', images, '--bach-size', '3'],
      2,
      /did you mean --batch-size\? \[ERR_OPTION\]/,
    ],
    ['no input', () => [], 2, /INPUT is missing: a folder of images, or one image \[ERR_OPTION\]/],
  ])('refuses %s, and writes nothing', async (_, args, code, message) => {
    const into = await mkdtemp(join(folder, 'refused-'));
    const result = await embed(['--run', run, '--out', join(into, 'f.npy'), ...args()]);
    expect(result.code).toBe(code);
    expect(result.err).toMatch(message);
    expect(await readdir(into)).toEqual([]);
  });

  it('refuses a place that cannot be written', async () => {
    const out = join(folder, 'taken.npy');
    await mkdir(out);
    const { code, err } = await embed(['--run', run, '--input', images, '--out', out]);
    expect([code, err]).toEqual([1, expect.stringMatching(/taken\.npy: is a folder \[ERR_DATA\]\n$/)]);
  });

  it('leaves nothing half written when it is interrupted', async () => {
    const into = join(folder, 'interrupted');
    const many = join(folder, 'many');
    await mkdir(many);
    for (let i = 0; i < 60; i++) await cp(join(fixtures, 'rgb.jpg'), join(many, `${i}.jpg`));
    const controller = new AbortController();
    const running = embed(['--run', run, '--input', many, '--out', join(into, 'f.npy'), '--batch-size', '2'], {
      signal: controller.signal,
    });
    // As soon as the temporary file is there.
    while (!((await exists(into)) && (await readdir(into)).length > 0))
      await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort('SIGINT');
    const { code, err } = await running;
    expect([code, err]).toEqual([130, 'the operation was aborted\n']);
    expect(await readdir(into)).toEqual([]);
  });
});
