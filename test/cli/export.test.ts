import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command } from '../../lib/cli/export.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { type ProjectionHeadOptions, projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { decodeSafetensors } from '../../lib/files/safetensors.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { noGrad, tidy } from '../../lib/tensor/modes.ts';
import { rawState, tensorState } from '../../lib/tensor/raw-tensors.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { runOnnx } from '../export/onnx-runtime.ts';
import { runWith } from './run-cli.ts';

const size = 12;
const mean = [0.5, 0.4, 0.3];
const std = [0.25, 0.2, 0.3];

let folder: string;
let trained: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-cli-'));
  trained = join(folder, 'trained');
  const pixels = Uint8Array.from({ length: 64 * size * size * 3 }, (_, i) => (i * i * 31 + i * 7919) % 251);
  const labels = Array.from({ length: 64 }, (_, i) => i % 4);
  using encoder = resnet18({ stem: 'cifar', width: 4 });
  using head = projectionHead({ layers: 3, batchNorm: 'all', inFeatures: encoder.featureDim, outFeatures: 10 });
  const augment = presets.simclr({ size, mean, std });
  const trainer = new Trainer({ encoder, head, augment, batchSize: 16, epochs: 2 });
  await trainer.fit(arrayDataset(pixels, { shape: [64, size, size, 3], labels }), { out: trained });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runWith([command], ['export', ...args]);

/** Raw images of the size of the input. */
const images = Array.from({ length: 5 }, (_, n) => ({
  data: Uint8Array.from({ length: size * size * 3 }, (_, i) => ((i + 1) * (n + 3) * 37) % 256),
  width: size,
  height: size,
  channels: 3 as const,
}));
const bytes = Uint8Array.from(images.flatMap(({ data }) => [...data]));
/** (5, 3, size, size), normalised; by loops. */
const planes = new Float32Array(bytes.length);
for (let n = 0; n < 5; n++)
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < size * size; i++) {
      const value = (bytes[(n * size * size + i) * 3 + c] as number) / 255;
      planes[(n * 3 + c) * size * size + i] = (value - (mean[c] as number)) / (std[c] as number);
    }

function expectNear(actual: Float32Array, expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs));
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs((actual[i] as number) - value)).toBeLessThan(1e-4 * scale);
}

describe('contrastive export', () => {
  for (const normalize of [false, true])
    it(`writes what the embedder computes${normalize ? ', normalised' : ''}`, async () => {
      const out = join(folder, `new-${normalize}`, 'model.onnx');
      const { code, stdout, stderr } = await run('--run', trained, '-o', out, ...(normalize ? ['--normalize'] : []));
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toBe(
        `${((await readFile(out)).length / 1000).toFixed(0)} kB: images float32 (batch, 3, 12, 12) → embeddings float32 (batch, 32)\n${out}\n${out.replace('.onnx', '.json')}\n`,
      );
      await using embedder = await createEmbedder({ checkpoint: trained, normalize });
      const expected = (await embedder.embed(images)).flatMap((vector) => [...vector]);
      expectNear((await runOnnx(out, planes, [5, 3, size, size])).values, expected);
      expect(await readdir(join(folder, `new-${normalize}`))).toEqual(['model.json', 'model.onnx']);
    });

  it('takes the run and the file by their places', async () => {
    const out = join(folder, 'by place.onnx');
    expect(await run(trained, out)).toMatchObject({ code: 0, stdout: expect.stringContaining(out) });
  });

  it('takes bytes, keeps batch normalisation, and reports to machines', async () => {
    const out = join(folder, 'bytes.onnx');
    const flags = ['--input-type', 'uint8', '--no-fold-batch-norm', '--json'];
    const { code, stdout } = await run('--run', join(trained, 'checkpoints/8'), '--out', out, ...flags);
    const file = await readFile(out);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        out,
        description: join(folder, 'bytes.json'),
        bytes: file.length,
        step: 8,
        opset: 17,
        input: { name: 'images', dtype: 'uint8', shape: ['batch', size, size, 3] },
        output: { name: 'embeddings', dtype: 'float32', shape: ['batch', 32] },
      },
    ]);
    await using embedder = await createEmbedder({ checkpoint: trained });
    const expected = (await embedder.embed(images)).flatMap((vector) => [...vector]);
    expectNear((await runOnnx(out, bytes, [5, size, size, 3])).values, expected);
    expect(JSON.parse(await readFile(join(folder, 'bytes.json'), 'utf8'))).toMatchObject({
      ...{ model: 'bytes.onnx', step: 8, normalized: false, input: { dtype: 'uint8' }, output: { name: 'embeddings' } },
      preprocessing: { colors: 'RGB', resizeShorterSide: 12, centerCrop: 12, mean: [0.5, 0.4, 0.3] },
    });
    const text = file.toString('latin1');
    expect(text).toContain('BatchNormalization');
    expect(text).toContain(`{"colors":"RGB","resizeShorterSide":12,"centerCrop":12,"mean":[0.5,0.4,0.3],`);
  });

  it('includes the head of the run when it is asked for', async () => {
    const out = join(folder, 'head.onnx');
    expect((await run('--run', trained, '--out', out, '--head')).code).toBe(0);
    const { head: config } = JSON.parse(await readFile(join(trained, 'config.json'), 'utf8'));
    const { name: _, ...options } = config as ProjectionHeadOptions & { name: string };
    using head = projectionHead(options);
    using encoder = resnet18({ stem: 'cifar', width: 4 });
    const { tensors } = decodeSafetensors(await readFile(join(trained, 'checkpoints/8/model.safetensors')));
    encoder.loadStateDict(tensorState(tensors, 'encoder.'));
    head.loadStateDict(tensorState(tensors, 'head.'));
    const expected = await noGrad(() =>
      tidy(async () =>
        head
          .eval()
          .forward(encoder.eval().forward(tensor(planes, { shape: [5, 3, size, size] })))
          .data(),
      ),
    );
    const { dims, values } = await runOnnx(out, planes, [5, 3, size, size]);
    expect(dims).toEqual([5, 10]);
    expectNear(values, Array.from(expected, Number));
  });

  it('includes the classifier of a fine-tuned run, and the names of its classes', async () => {
    using encoder = resnet18({ stem: 'cifar', width: 4 });
    using head = linearHead({ inFeatures: 32, outFeatures: 3, init: 'uniform' });
    const copy = await withHead(head.config, { classes: ['cat', 'dog', 'cow'] });
    const model = new Map([
      ...(await rawState(encoder.stateDict(), 'encoder.')),
      ...(await rawState(head.stateDict(), 'head.')),
    ]);
    await (await RunFolder.open(copy)).saveCheckpoint({ model, state: { step: 8, epoch: 1 } });
    const out = join(folder, 'classifier.onnx');
    const { code, stdout } = await run('--run', copy, '--out', out, '--head');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/→ logits float32 \(batch, 3\)\n/)]);
    const images = tensor(planes, { shape: [5, 3, size, size] });
    const expected = noGrad(() => head.eval().forward(encoder.eval().forward(images)));
    expectNear((await runOnnx(out, planes, [5, 3, size, size])).values, Array.from(await expected.data(), Number));
    expect(await readFile(out, 'latin1')).toContain('["cat","dog","cow"]');
  });

  const withHead = async (head: unknown, more: object = {}): Promise<string> => {
    const copy = await mkdtemp(join(folder, 'other-'));
    await cp(trained, copy, { recursive: true });
    const file = join(copy, 'config.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), head, ...more }));
    return copy;
  };

  it.each([
    ['a run without a head', () => withHead(null), ['--head'], 1, /the run has no head; .*\[ERR_CHECKPOINT\]/],
    [
      'a head of one’s own',
      () => withHead({ name: 'custom' }),
      ['--head'],
      1,
      /code of the training's own.*CHECKPOINT/,
    ],
    [
      'a head that does not fit its weights',
      () => withHead({ name: 'projection-head', inFeatures: 32, outFeatures: 11 }),
      ['--head'],
      1,
      /checkpoints.8: head: '2\.weight' must have shape \[11,32\], got .*\[ERR_CHECKPOINT\]/,
    ],
    ['no run', async () => folder, [], 1, /config\.json.*\[ERR_CHECKPOINT\]/],
    ['another input', async () => trained, ['--input-type', 'int8'], 2, /--input-type must be one of .*\[ERR_OPTION\]/],
  ])('refuses %s, and writes nothing', async (_, of, args, code, message) => {
    const into = await mkdtemp(join(folder, 'refused-'));
    const result = await run('--run', await of(), '--out', join(into, 'm.onnx'), ...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(await readdir(into)).toEqual([]);
  });

  it('refuses places that cannot be written', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const below = await run('--run', trained, '--out', join(file, 'm.onnx'));
    expect([below.code, below.stderr]).toEqual([1, expect.stringMatching(/a-file: cannot be made: .*\[ERR_DATA\]/)]);
    const taken = join(folder, 'taken.onnx');
    await mkdir(taken);
    const over = await run('--run', trained, '--out', taken);
    expect([over.code, over.stderr]).toEqual([
      1,
      expect.stringMatching(/taken\.onnx: cannot be written.*\[ERR_DATA\]/),
    ]);
  });
});
