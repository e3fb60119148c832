/** What ONNX Runtime computes from an exported file is what the modules compute. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import type { Encoder } from '../../lib/encoders/registry.ts';
import { type ResNetOptions, resnet18, resnet34, resnet50, resnet101, resnet152 } from '../../lib/encoders/resnet.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import { type ExportModules, type ExportOptions, exportOnnx } from '../../lib/export/export-onnx.ts';
import type { Module } from '../../lib/nn/module.ts';
import { noGrad, tidy } from '../../lib/tensor/modes.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';
import { filledState, uniform } from '../encoders/formula.ts';
import { runOnnx } from './onnx-runtime.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-'));
  file = join(folder, 'model.onnx');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Parameters and running statistics that no initialisation has. Linear layers keep theirs. */
function trained<M extends Module>(module: M): M {
  const shapes = [...module.stateDict()].filter(([, { shape }]) => shape.length !== 2);
  const state = filledState(Object.fromEntries(shapes.map(([name, { shape }]) => [name, shape])));
  module.loadStateDict(state, { strict: false });
  return module.eval();
}

const forward = (modules: readonly Module[], images: Float32Array, shape: readonly number[]): Promise<Float32Array> =>
  noGrad(() =>
    tidy(async () => {
      const y = modules.reduce((x, module) => module.forward(x), tensor(images, { shape }));
      return (await y.data()) as Float32Array;
    }),
  );

/** Relative to the largest value. */
function difference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const errors = actual.map((value, i) => Math.abs(value - (expected[i] as number)));
  return Math.max(...errors) / Math.max(...expected.map(Math.abs));
}

const makers = { resnet18, resnet34, resnet50, resnet101, resnet152 };

/** The file and the modules, in batches of one and of five. */
async function expectEqual(modules: ExportModules, [height, width]: [number, number], options: ExportOptions = {}) {
  await exportOnnx(modules, file, options);
  const { encoder, head } = modules;
  const channels = encoder.config?.inChannels as number;
  for (const batch of [1, 5]) {
    const shape = [batch, channels, height, width];
    const images = uniform(batch, shape);
    const expected = await forward(head ? [encoder, head] : [encoder], images, shape);
    const { dims, values } = await runOnnx(file, images, shape);
    expect(dims).toEqual([batch, expected.length / batch]);
    expect(difference(values, expected)).toBeLessThan(1e-4);
  }
}

describe('encoders', () => {
  const structures: [keyof typeof makers, ResNetOptions, [number, number]][] = [
    ['resnet18', { stem: 'cifar', width: 4 }, [16, 16]],
    ['resnet18', { stem: 'imagenet', width: 4, inChannels: 1 }, [45, 33]],
    ['resnet34', { stem: 'imagenet', width: 3, zeroInitResidual: true }, [64, 40]],
    ['resnet50', { stem: 'cifar', width: 2, inChannels: 1 }, [17, 12]],
    ['resnet50', { stem: 'imagenet', width: 4 }, [64, 64]],
    ['resnet101', { stem: 'cifar', width: 1 }, [9, 9]],
    ['resnet152', { stem: 'imagenet', width: 1, inChannels: 5 }, [32, 50]],
  ];
  for (const foldBatchNorm of [true, false])
    it.each(structures)(
      `%s %o, batch normalisation ${foldBatchNorm ? 'folded' : 'as it is'}`,
      async (name, options, size) => {
        using encoder = trained(makers[name](options));
        await expectEqual({ encoder }, size, { foldBatchNorm });
      },
    );

  it('have fewer operations when folded', async () => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 1 }));
    const operations = async (foldBatchNorm: boolean) => {
      await exportOnnx(encoder, file, { foldBatchNorm });
      return (await readFile(file, 'latin1')).split('BatchNormalization').length - 1;
    };
    expect([await operations(true), await operations(false)]).toEqual([0, 20]);
  });
});

describe('heads', () => {
  const kinds = [
    { layers: 1 },
    { layers: 2 },
    { layers: 2, activation: 'gelu' },
    { layers: 3, batchNorm: 'all' },
    { layers: 3, batchNorm: 'all-but-scale' },
  ] as const;
  const variants = kinds.flatMap((kind) => [true, false].map((flag) => [kind, flag] as const));
  it.each(variants)('%o, %s', async (kind, flag) => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 2 }));
    const sizes = { inFeatures: encoder.featureDim, hiddenFeatures: 24, outFeatures: 7 };
    using head = trained(projectionHead({ ...kind, ...sizes, normalize: flag, seed: 3 }));
    await expectEqual({ encoder, head }, [12, 12], { foldBatchNorm: flag });
  });

  it('may be a classifier, whose logits they are', async () => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 2 }));
    using head = linearHead({ inFeatures: 16, outFeatures: 5, init: 'uniform' }).eval();
    await expectEqual({ encoder, head }, [12, 12]);
    const images = new Float32Array(3 * 12 * 12);
    expect((await runOnnx(file, images, [1, 3, 12, 12])).name).toBe('logits');
  });

  it('may be null', async () => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 2 }));
    await expectEqual({ encoder, head: null }, [12, 12]);
  });
});

describe('options', () => {
  it('normalize makes vectors of length 1, and leaves zeros', async () => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 2 }));
    await exportOnnx(encoder, file, { normalize: true });
    const shape = [2, 3, 8, 8];
    const images = uniform(1, shape);
    const features = await forward([encoder], images, shape);
    const lengths = [0, 1].map((row) => Math.hypot(...features.subarray(16 * row, 16 * row + 16)));
    const expected = features.map((value, i) => value / (lengths[Math.floor(i / 16)] as number));
    expect(difference((await runOnnx(file, images, shape)).values, expected)).toBeLessThan(1e-4);

    for (const [name, value] of encoder.stateDict())
      if (/bn|norm|downsample\.1/.test(name)) encoder.loadStateDict(new Map([[name, value.mul(0)]]), { strict: false });
    await exportOnnx(encoder, file, { normalize: true });
    expect(new Set((await runOnnx(file, images, shape)).values)).toEqual(new Set([0]));
  });

  for (const channels of [1, 3] as const)
    it(`preprocessing is told, and with uint8 done: ${channels} channels`, async () => {
      using encoder = trained(resnet18({ stem: 'cifar', width: 4, inChannels: channels }));
      const count = 5;
      const pixels = Uint8Array.from({ length: count * 8 * 8 * channels }, (_, i) => (i * i * 7 + i) % 256);
      const mean = [0.4, 0.5, 0.6].slice(0, channels);
      const std = [0.2, 0.25, 0.3].slice(0, channels);
      const input = { size: 8, mean, std };
      const augment = presets.evaluation(input);
      const dataset = arrayDataset(pixels, { shape: [count, 8, 8, channels] });
      const { features } = await extractFeatures(encoder, dataset, { evaluation: augment });
      const expected = (await features.data()) as Float32Array;

      const bytes = await exportOnnx(encoder, file, { input, inputType: 'uint8' });
      expect(bytes.input).toEqual({ name: 'images', dtype: 'uint8', shape: ['batch', 8, 8, channels] });
      expect(difference((await runOnnx(file, pixels, [count, 8, 8, channels])).values, expected)).toBeLessThan(1e-4);

      const floats = await exportOnnx(encoder, file, { input, metadata: { step: '7' } });
      expect(floats.input.shape).toEqual(['batch', channels, 8, 8]);
      const samples = await Promise.all(Array.from({ length: count }, (_, i) => dataset.get(i)));
      const images = (await augment.apply(samples, { seed: 0 }).data()) as Float32Array;
      expect(difference((await runOnnx(file, images, [count, channels, 8, 8])).values, expected)).toBeLessThan(1e-4);
      const text = await readFile(file, 'latin1');
      const told = { colors: channels === 3 ? 'RGB' : 'gray', resizeShorterSide: 8, centerCrop: 8, mean, std };
      for (const part of [told, encoder.config]) expect(text).toContain(JSON.stringify(part));
      features.dispose();
    });

  it('preprocessing knows the resize before the crop of large images, and one number for all channels', async () => {
    using encoder = resnet18({ width: 1 });
    const { input } = await exportOnnx(encoder, file, { input: { size: 224, mean: 0.5, std: 0.25 } });
    expect(input.shape).toEqual(['batch', 3, 224, 224]);
    expect(await readFile(file, 'latin1')).toContain(
      '{"colors":"RGB","resizeShorterSide":256,"centerCrop":224,"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}',
    );
  });
});

describe('the file', () => {
  it('has the weights of the call, and the module is as before', async () => {
    using encoder = trained(resnet18({ stem: 'cifar', width: 2 })).train();
    const shape = [2, 3, 8, 8];
    const images = uniform(1, shape);
    const expected = await forward([encoder.eval()], images, shape);
    encoder.train();
    await collect();
    const before = memory().tensors;
    const exporting = exportOnnx(encoder, file);
    using other = resnet18({ stem: 'cifar', width: 2, seed: 9 });
    encoder.loadStateDict(other.stateDict());
    const { bytes } = await exporting;
    other.dispose();
    expect(encoder.training).toBe(true);
    expect(memory().tensors).toBe(before);
    expect((await readFile(file)).length).toBe(bytes);
    expect(difference((await runOnnx(file, images, shape)).values, expected)).toBeLessThan(1e-4);
  });

  it('replaces another one whole, and leaves nothing beside it', async () => {
    using encoder = resnet18({ stem: 'cifar', width: 1 });
    const into = await mkdtemp(join(folder, 'whole-'));
    const path = join(into, 'model.onnx');
    await writeFile(path, 'old');
    await exportOnnx(encoder, path);
    expect(await readdir(into)).toEqual(['model.onnx']);
    await expect(exportOnnx(encoder, into)).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(exportOnnx(encoder, join(into, 'nowhere', 'm.onnx'))).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/nowhere.m\.onnx: cannot be written: ENOENT/),
    });
    expect(await readdir(into)).toEqual(['model.onnx']);
  });
});

describe('misuse is refused', () => {
  const encoder = resnet18({ stem: 'cifar', width: 2 });
  const head = projectionHead({ inFeatures: 16 });
  const written = { forward: () => tensor(1), namedParameters: () => new Map() };
  const cases: [string, unknown, unknown, unknown, string, RegExp][] = [
    ['no module', 3, 'x', {}, 'ERR_OPTION', /modules: options must be a plain object, got 3 \(number\)/],
    ['nothing', undefined, 'x', {}, 'ERR_OPTION', /encoder must be a module such as .* got undefined/],
    ['no encoder', { head }, 'x', {}, 'ERR_OPTION', /encoder must be a module such as .* got undefined/],
    ['a misspelled module', { encoder, haed: head }, 'x', {}, 'ERR_OPTION', /did you mean 'head'/],
    [
      'a head as encoder',
      head,
      'x',
      {},
      'ERR_OPTION',
      /encoder must take images of shape \[2, 3, 256, 192\], but: features must have shape .* with input: { size }/,
    ],
    [
      'an encoder as head',
      { encoder, head: encoder },
      'x',
      {},
      'ERR_SHAPE',
      /images must have shape \(batch, 3, height, width\), got \[2, 16\]/,
    ],
    [
      'no module as head',
      { encoder, head: written },
      'x',
      {},
      'ERR_OPTION',
      /head must be a module such as projectionHead/,
    ],
    [
      'a head of another size',
      { encoder, head: projectionHead({ inFeatures: 8 }) },
      'x',
      {},
      'ERR_SHAPE',
      /features must have shape \(batch, 8\), got \[2, 16\]/,
    ],
    ['no file', encoder, undefined, {}, 'ERR_OPTION', /file must be a non-empty string, got undefined/],
    ['a misspelled option', encoder, 'x', { normalise: true }, 'ERR_OPTION', /did you mean 'normalize'/],
    ['a bad flag', encoder, 'x', { normalize: 1 }, 'ERR_OPTION', /normalize must be true or false, got 1/],
    ['a bad fold', encoder, 'x', { foldBatchNorm: 1 }, 'ERR_OPTION', /foldBatchNorm must be true or false/],
    [
      'another input',
      encoder,
      'x',
      { inputType: 'int8' },
      'ERR_OPTION',
      /inputType must be one of .* did you mean 'uint8'/,
    ],
    ['uint8 alone', encoder, 'x', { inputType: 'uint8' }, 'ERR_OPTION', /inputType 'uint8' needs input/],
    ['metadata of numbers', encoder, 'x', { metadata: { step: 1 } }, 'ERR_OPTION', /metadata\.step must be a string/],
    ['metadata null', encoder, 'x', { metadata: null }, 'ERR_OPTION', /metadata must be an object/],
    ['no size', encoder, 'x', { input: {} }, 'ERR_OPTION', /presets\.evaluation: size/],
    [
      'two means',
      encoder,
      'x',
      { input: { size: 8, mean: [0, 0], std: [1, 1] } },
      'ERR_OPTION',
      /input\.mean must have a number for each of 3 channels, got 2/,
    ],
    ['gray images', encoder, 'x', { input: { size: 8, channels: 1 } }, 'ERR_OPTION', /encoder's 3, got 1/],
    [
      'five channels',
      resnet18({ width: 1, inChannels: 5 }),
      'x',
      { input: { size: 8 } },
      'ERR_OPTION',
      /1 or 3 channels, the encoder takes 5/,
    ],
  ];
  it.each(cases)('%s', async (_, modules, path, options, code, message) => {
    const call = exportOnnx(modules as Encoder, path as string, options as ExportOptions);
    await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('a disposed encoder', async () => {
    const gone = resnet18({ width: 1 });
    gone.dispose();
    await expect(exportOnnx(gone, file)).rejects.toMatchObject({ code: 'ERR_STATE' });
  });
});
