/** What a device made goes to disk, to the CPU and back, and a training goes on there as if nothing had interrupted it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import type { Encoder } from '../../lib/encoders/registry.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import { exportOnnx } from '../../lib/export/export-onnx.ts';
import { xavierNormal } from '../../lib/nn/init.ts';
import type { Module } from '../../lib/nn/module.ts';
import { createIndex } from '../../lib/search/feature-index.ts';
import { setBackends } from '../../lib/tensor/backends.ts';
import { Generator } from '../../lib/tensor/generator.ts';
import { ones } from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { alive, collect } from '../collect.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { takeLog, device as there } from '../device/device.ts';
import { size, tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'device-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const valuesOf = (module: Module): Promise<number[][]> =>
  Promise.all([...module.stateDict().values()].map(async (value) => Array.from(await value.data(), Number)));

async function featuresOf(encoder: Encoder): Promise<Float32Array> {
  const set = await extractFeatures(encoder, tinyDataset(6), {
    evaluation: presets.evaluation({ size, mean: 0.5, std: 0.25 }),
  });
  using _ = set.features;
  return (await set.features.data()) as Float32Array;
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of Array.from(found).entries()) expect(value).toBeCloseTo(expected[i] as number, 2);
}

/** Two epochs of five steps each on the device, of which `fit` may do a part. */
async function train(fit: FitOptions = {}, seed = 1): Promise<{ encoder: Encoder; head: Encoder }> {
  const models = tinyModels(seed);
  const trainer = new Trainer({
    ...{ ...models, augment: tinyViews(), device: there },
    ...{ batchSize: 8, epochs: 2, seed: 3, ema: { decay: 0.9 } },
  });
  await trainer.fit(tinyDataset(), fit);
  return models;
}

describeOnDevice(() => {
  beforeAll(() => setBackends({ cudnnDeterministic: true }));
  afterAll(() => setBackends({ cudnnDeterministic: false }));

  it('a run that was interrupted goes on bit by bit, and opens on the CPU and on the device', async () => {
    const whole = await train();
    const out = join(folder, 'run');
    const controller = new AbortController();
    const onEvent = ({ kind, step }: { kind: string; step?: number }) => {
      if (kind === 'step' && step === 4) controller.abort();
    };
    await train({ out, signal: controller.signal, onEvent } as FitOptions).catch(() => {});
    const resumed = await train({ out, resume: true }, 99);
    const [expected, found] = [await valuesOf(whole.encoder), await valuesOf(resumed.encoder)];
    if (there === 'cuda:0')
      expectClose(found.flat(), expected.flat()); // sums by atomic additions
    else expect(found).toEqual(expected);

    using here = await loadEncoder({ checkpoint: out });
    using again = await loadEncoder({ checkpoint: out, device: there });
    expect([here.device, again.device]).toEqual(['cpu', there]);
    expect(await valuesOf(again)).toEqual(await valuesOf(here));
    const features = await featuresOf(whole.encoder.eval());
    expectClose(await featuresOf(here), features);
    expectClose(await featuresOf(again), features);
  });

  it('weights are the same after going to the device, into a file, and back', async () => {
    const { encoder } = tinyModels();
    const before = await valuesOf(encoder);
    const [mine, its] = [join(folder, 'cpu.safetensors'), join(folder, 'device.safetensors')];
    await encoder.save(mine);
    encoder.to(there);
    expect(await valuesOf(encoder)).toEqual(before);
    await encoder.save(its);
    expect((await readFile(its)).equals(await readFile(mine))).toBe(true);
    const other = tinyModels(2).encoder.to(there);
    await other.load(mine);
    expect([other.device, await valuesOf(other)]).toEqual([there, before]);
    expect(await valuesOf(other.to('cpu'))).toEqual(before);
    const [drawn, expected] = [there, 'cpu'].map((device) =>
      xavierNormal(ones([4, 6], { device }), { generator: new Generator(3) }),
    );
    expect(await drawn?.data()).toEqual(await expected?.data());
  });

  it('an exported model is that of the CPU', async () => {
    const { encoder } = tinyModels();
    encoder.eval();
    const options = { input: { size, mean: 0.5, std: 0.25 } };
    const [mine, its] = [join(folder, 'cpu.onnx'), join(folder, 'device.onnx')];
    await exportOnnx(encoder, mine, options);
    await exportOnnx(encoder.to(there), its, options);
    expect((await readFile(its)).equals(await readFile(mine))).toBe(true);
  });

  it('features of the device are found in an index', async () => {
    const { encoder } = tinyModels();
    const features = await featuresOf(encoder.to(there).eval());
    const rows = Array.from({ length: 6 }, (_, i) =>
      features.slice(i * encoder.featureDim, (i + 1) * encoder.featureDim),
    );
    await using index = await createIndex(
      join(folder, 'index'),
      rows.map((vector, i) => ({ name: `row ${i}`, vector })),
    );
    for (const [i, row] of rows.entries()) {
      const [hit] = await index.search(row, { k: 1 });
      expect([hit?.name, hit?.cosine]).toEqual([`row ${i}`, expect.closeTo(1, 5)]);
    }
  });

  it('tensors of every size and dtype go there and back', async () => {
    const large = new Float32Array(17_000_000).fill(0.5).fill(2, 16_000_000); // 68 MB, which are not pinned
    for (const values of [large, Int32Array.of(1, -2), Float64Array.of(0.1), new Float32Array(0)]) {
      const back = await tensor(values, { device: there }).data();
      expect(back).toBeInstanceOf(values.constructor);
      expect(Buffer.from(back.buffer).equals(Buffer.from(values.buffer))).toBe(true);
    }
    const half = tensor([0.5, -3], { device: there }).to('bfloat16');
    expect(Array.from(await half.to({ device: 'cpu' }).to('float32').data(), Number)).toEqual([0.5, -3]);
  });

  it('a training leaves nothing but its models, and these nothing once they are disposed', async () => {
    const left = async () => {
      const { encoder, head } = await train();
      encoder.dispose();
      head.dispose();
      await sync();
      await collect();
      return { ...alive(), onDevice: takeLog()?.bytes };
    };
    const first = await left(); // what is made once, for all
    expect(await left()).toEqual(first);
  });
});
