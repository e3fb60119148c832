import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import { headOf } from '../../lib/checkpoint/head.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { Classifier } from '../../lib/classify/classifier.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { encoderShapes, makeEncoder, registerEncoder } from '../../lib/encoders/registry.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { encodeSafetensors } from '../../lib/files/safetensors.ts';
import type { Module } from '../../lib/nn/module.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { collect } from '../collect.ts';
import { writeTinyRun } from '../serve/tiny-run.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encoder-'));
  path = await writeTinyRun(folder, { seed: 5 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const valuesOf = (module: Module) =>
  Promise.all([...module.stateDict().values()].map(async (value) => Array.from(await value.data(), Number)));

async function withConfig(change: (config: Record<string, unknown>) => void, work: () => Promise<void>): Promise<void> {
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8');
  const config = JSON.parse(text);
  change(config);
  await writeFile(file, JSON.stringify(config));
  try {
    await work();
  } finally {
    await writeFile(file, text);
  }
}

describe('loadEncoder', () => {
  it('gives the encoder of a run, and of one of its checkpoints', async () => {
    using expected = resnet18({ stem: 'cifar', width: 4, seed: 5 });
    for (const checkpoint of [path, join(path, 'checkpoints', '7')]) {
      using encoder = await loadEncoder({ checkpoint, device: 'cpu' });
      expect(encoder.training).toBe(false);
      expect(await valuesOf(encoder)).toEqual(await valuesOf(expected));
    }
  });

  it('gives the encoder of the files of encoder.save() and classifier.save()', async () => {
    using encoder = resnet18({ stem: 'cifar', width: 3, inChannels: 1, seed: 8 });
    const [alone, inClassifier] = [join(folder, 'alone.safetensors'), join(folder, 'classifier.safetensors')];
    await encoder.save(alone);
    const head = linearHead({ inFeatures: 24, outFeatures: 2 });
    const evaluation = presets.evaluation({ size: 16, channels: 1 });
    using classifier = new Classifier({ encoder: encoder.clone(), head, evaluation });
    await classifier.save(inClassifier);
    for (const checkpoint of [alone, inClassifier]) {
      using again = await loadEncoder({ checkpoint });
      expect(again.config).toEqual(encoder.config);
      expect(await valuesOf(again)).toEqual(await valuesOf(encoder));
    }
  });

  it.each([
    [{ name: 'resnet18', width: 2 }, 'fc'],
    [{ name: 'vit-ti-16', width: 64, size: 32 }, 'heads.head'],
    [{ name: 'convnext-t', width: 2 }, 'classifier.2'],
    [{ name: 'efficientnet-b0' }, 'classifier.1'],
  ])("leaves out a classifier of %o, which has torchvision's name", async (config, head) => {
    const encoder = makeEncoder(config);
    using classifier = new Classifier({
      encoder,
      head: linearHead({ inFeatures: encoder.featureDim, outFeatures: 2 }),
      evaluation: presets.evaluation({ size: 32 }),
    });
    expect([...classifier.stateDict().keys()].slice(-2)).toEqual([`${head}.weight`, `${head}.bias`]);
    const file = join(folder, 'classifier.safetensors');
    await classifier.save(file);
    using again = await loadEncoder({ checkpoint: file });
    expect(await valuesOf(again)).toEqual(await valuesOf(encoder));
    using other = makeEncoder({ ...config, seed: 1 });
    expect(await other.load(file)).toMatchObject({ leftOut: [`${head}.bias`, `${head}.weight`], missing: [] });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['nothing', {}, /does not say which encoder .*resnet18\(\)\.load\(/],
    ['no JSON', { module: '{' }, /metadata\.module: is not valid JSON/],
    ['no name', { module: '{"name":{"toString":1}}' }, /metadata\.module must be \{ name, … \}/],
    ['another width', { module: '{"name":"resnet18","stem":"cifar","width":4096}' }, /must have shape \[4096,3,3,3\]/],
  ])('refuses a file that says %s of its encoder', async (_, metadata, message) => {
    using encoder = resnet18({ stem: 'cifar', width: 2 });
    const file = join(folder, 'from-elsewhere.safetensors');
    await writeFile(file, encodeSafetensors(await rawState(encoder.stateDict()), metadata));
    await expect(loadEncoder({ checkpoint: file })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(message),
    });
  });

  it('refuses wrong options, no run, and a device that is not there, and leaves nothing behind', async () => {
    await sync();
    await collect();
    const before = memory().tensors;
    await expect(loadEncoder({ chekpoint: path } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(loadEncoder({ checkpoint: '' })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(loadEncoder({ checkpoint: folder })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(loadEncoder({ checkpoint: path, device: 'cuda:99' })).rejects.toMatchObject({ code: 'ERR_DEVICE' });
    await sync();
    expect(memory().tensors).toBe(before);
  });

  it('compares shapes before a network that the config asks for is made', async () => {
    const asks = (encoder: object) => (config: Record<string, unknown>) => {
      config.encoder = { ...(config.encoder as object), ...encoder };
    };
    // 4096 wide: 180 GB, had it been made.
    for (const [encoder, message] of [
      [{ width: 4096 }, /checkpoints.7: 'conv1\.weight' must have shape \[4096,3,3,3\], got \[4,3,3,3\]/],
      [{ name: 'resnet50' }, /'layer1\.0\.conv1\.weight' must have shape \[4,4,1,1\]/],
      [{ depth: 3 }, /unknown option 'depth'/],
      [{ width: 'wide' }, /width must be an integer/],
      [{ name: 'resnet9' }, /'resnet9' is not registered, and the checkpoint holds no program of it/],
    ] as const)
      await withConfig(asks(encoder), () =>
        expect(loadEncoder({ checkpoint: path })).rejects.toMatchObject({
          code: 'ERR_CHECKPOINT',
          message: expect.stringMatching(message),
        }),
      );
  });

  it('makes an encoder that was registered under another name, with options of its own', async () => {
    registerEncoder('half-resnet', ({ half }) => resnet18({ stem: 'cifar', width: 2 * Number(half) }));
    const own = (config: Record<string, unknown>) => {
      config.encoder = { name: 'half-resnet', half: 2 };
    };
    await withConfig(own, async () => {
      using encoder = await loadEncoder({ checkpoint: path });
      expect(encoder.featureDim).toBe(32);
    });
  });
});

describe('encoderShapes', () => {
  it.each([
    { name: 'resnet18', stem: 'cifar', width: 5, inChannels: 1 },
    { name: 'resnet34', width: 3 },
    { name: 'resnet50', stem: 'imagenet', width: 6 },
    { name: 'resnet101', width: 2 },
    { name: 'resnet152', width: 1, inChannels: 4 },
    { name: 'resnext50-32x4d', width: 16 },
    { name: 'convnext-t', width: 3, patch: 5, inChannels: 2 },
    { name: 'vit-ti-16', width: 64, size: 12, patch: 4, inChannels: 2 },
    { name: 'vit-s-16', width: 128, size: 10, patch: 2, positions: 'sincos' },
  ])('are those of the network: $name of width $width', (config) => {
    using encoder = makeEncoder(config);
    const expected = [...encoder.stateDict()].map(([name, { shape }]) => [name, [...shape]]);
    expect([...(encoderShapes(config) ?? [])]).toEqual(expected.filter(([, shape]) => (shape as number[]).length > 0));
  });

  it.each([
    [{ name: 'vit-ti-16', size: 4096, patch: 1 }, 'encoder.pos_embedding', [1, 1 + 4096 ** 2, 192]],
    [{ name: 'vit-ti-16', size: 256, patch: 256, inChannels: 4096 }, 'conv_proj.weight', [192, 4096, 256, 256]],
    [{ name: 'convnext-t', patch: 256, inChannels: 4096 }, 'features.0.0.weight', [96, 4096, 256, 256]],
  ])('take no memory of a network that would be large: %j', async (config, name, shape) => {
    await sync();
    const { maxRSS } = process.resourceUsage(); // kilobytes
    expect(encoderShapes(config)?.get(name)).toEqual(shape);
    await sync();
    expect(process.resourceUsage().maxRSS - maxRSS).toBeLessThan(100_000);
  });
});

describe('headOf', () => {
  const checkpointOf = async (head: Module) => {
    const run = await RunFolder.open(path);
    const { model, ...rest } = await run.loadCheckpoint();
    const tensors = [...head.stateDict()].map(async ([name, value]) => {
      const data = await value.data();
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return [
        `head.${name}`,
        { dtype: value.dtype === 'int64' ? 'I64' : 'F32', shape: value.shape, data: bytes },
      ] as const;
    });
    return { ...rest, model: new Map([...model, ...(await Promise.all(tensors))]) };
  };

  it.each([
    () => linearHead({ inFeatures: 4, outFeatures: 3, init: 'normal' }),
    () => projectionHead({ layers: 1, inFeatures: 4, outFeatures: 3 }),
    () => projectionHead({ layers: 2, inFeatures: 4, hiddenFeatures: 5, outFeatures: 3 }),
    () => projectionHead({ layers: 3, batchNorm: 'all', inFeatures: 4, hiddenFeatures: 5, outFeatures: 3 }),
  ])('makes every kind of head again, and none that is larger than its weights (%#)', async (make) => {
    using head = make();
    const checkpoint = await checkpointOf(head);
    using again = headOf(head.config, checkpoint);
    expect(await valuesOf(again)).toEqual(await valuesOf(head));
    for (const size of [{ inFeatures: 2 ** 24 }, { outFeatures: 2 ** 24 }])
      expect(() => headOf({ ...head.config, ...size }, checkpoint)).toThrow(
        expect.objectContaining({
          code: 'ERR_CHECKPOINT',
          message: expect.stringMatching(/weight' must have shape \[/),
        }),
      );
  });
});
