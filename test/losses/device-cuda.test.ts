/** Every loss on a device: its value and gradients are the CPU's, and its memory that of blocks. */
import { expect, it } from 'vitest';
import type { ContrastiveLossSpec } from '../../lib/losses/all.ts';
import type { CrossEntropyLossSpec } from '../../lib/losses/cross-entropy.ts';
import { dclLoss, dclwLoss } from '../../lib/losses/dcl.ts';
import { contrastiveMetrics } from '../../lib/losses/metrics.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { device, hasGpu, launchesIn, takeLog, waitsOfStreams } from '../device/device.ts';

const values = Float64Array.from({ length: 64 * 2 * 8 }, (_, i) => Math.sin(1 + 3.7 * i));
const labels = Int32Array.from({ length: 64 }, (_, i) => i % 5);
const labelSets = Array.from({ length: 64 }, (_, i) => [i % 2, Number(i % 3 === 0), 1]);
const mask = Array.from({ length: 64 }, (_, i) => Array.from({ length: 64 }, (_, j) => Number((i * j) % 7 < 2)));
const ids = Int32Array.from({ length: 64 }, (_, i) => i);
const held = values.map((x) => Math.cos(5 * x)).subarray(0, 20 * 8);
const bank = (z: Tensor) => ({
  features: tensor(held, { shape: [20, 8], device: z.device }),
  ids: Int32Array.from({ length: 20 }, (_, i) => 3 * i),
});
const hardNegatives = { concentration: 1, classPrior: 0.1 };

/** Of z (64, 2, 8) and a temperature, float64 both. */
type Loss = (z: Tensor, temperature: Tensor) => Tensor;

/** That the host does not know: what an operation has made. */
const onDevice = (z: Tensor, numbers: Int32Array): Tensor =>
  ops.add(tensor(numbers, { device: z.device }), tensor(0, { dtype: 'int32', device: z.device }));
const unknownBank = (z: Tensor) => ({ ...bank(z), ids: onDevice(z, bank(z).ids) });

const losses: Record<ContrastiveLossSpec['name'] | CrossEntropyLossSpec['name'], Record<string, Loss>> = {
  supcon: {
    labels: (z) => supConLoss(z, { labels }),
    'few positives': (z) => supConLoss(z, { labels, maxPositives: 3, seed: 4 }),
    'one positive': (z) => supConLoss(z, { labels, denominators: 'negatives-and-one-positive' }),
    decoupled: (z) => supConLoss(z, { labels, denominators: 'negatives', noPositives: 'zero' }),
    'first views': (z) => supConLoss(z, { labels, anchors: 'first', lossScale: 2 }),
    'label sets': (z) => supConLoss(z, { labels: labelSets, variant: 'in', ids, bank: bank(z) }),
    'a mask': (z) => supConLoss(z, { mask, temperature: 0.01 }),
    'a learned temperature': (z, temperature) => supConLoss(z, { labels, temperature }),
    'labels of the device': (z, temperature) => supConLoss(z, { labels: onDevice(z, labels), temperature }),
    'labels of the device, inside': (z) => supConLoss(z, { labels: onDevice(z, labels), variant: 'in' }),
    'labels of the device, decoupled': (z) => supConLoss(z, { labels: onDevice(z, labels), denominators: 'negatives' }),
    'labels of the device, first views': (z) => supConLoss(z, { labels: onDevice(z, labels), anchors: 'first' }),
    'labels of the device, few positives': (z) => supConLoss(z, { labels: onDevice(z, labels), maxPositives: 3 }),
    'any length': (z) => supConLoss(z, { labels, normalize: false, hardNegatives }),
    'any length, a learned temperature': (z, temperature) =>
      supConLoss(z, { labels, temperature, normalize: false, variant: 'in' }),
  },
  'nt-xent': {
    'two views': (z) => ntXentLoss(z),
    'a bank': (z) => ntXentLoss(z, { hardNegatives, ids, bank: bank(z) }),
    'a bank, a temperature of the device': (z, temperature) =>
      ntXentLoss(z, { ids, bank: bank(z), temperature: temperature.detach() }),
    'a bank, a learned temperature': (z, temperature) => ntXentLoss(z, { ids, bank: bank(z), temperature }),
    queries: (z) => ntXentLoss(z, { anchors: 'queries', ids, bank: bank(z) }),
    'queries without a bank': (z) => ntXentLoss(z, { anchors: 'queries', ids: onDevice(z, ids) }),
    'a queue of the device': (z) => ntXentLoss(z, { ids, bank: unknownBank(z) }),
    'queries, a queue of the device': (z) => ntXentLoss(z, { anchors: 'queries', ids, bank: unknownBank(z) }),
  },
  dcl: { 'a learned temperature': (z, temperature) => dclLoss(z, { temperature }) },
  dclw: { 'two views': (z) => dclwLoss(z, { sigma: 0.7 }) },
  'cross-entropy': {
    smoothed: (z) => {
      const classes = tensor(labels, { device: z.device });
      return internal.softmaxCrossEntropy(z, classes, { labelSmoothing: 0.1 });
    },
    'labels of the device': (z) => internal.softmaxCrossEntropy(z, tensor(labels, { device: z.device }).add(1)),
  },
};
const cases = Object.entries(losses).flatMap(([name, variants]) =>
  Object.entries(variants).map(([variant, loss]) => [name, variant, loss] as const),
);

describeOnDevice(() => {
  it.each(cases)('%s, %s: value and gradients are those of the CPU', async (_name, _variant, loss) => {
    takeLog();
    const [found, here] = (await Promise.all(
      [device, 'cpu'].map(async (device) => {
        using z = tensor(values, { shape: [64, 2, 8], device, requiresGrad: true });
        using temperature = tensor(0.2, { dtype: 'float64', device, requiresGrad: true });
        using value = loss(z, temperature).add(temperature.mul(0)); // which gives it a gradient in any case
        value.backward();
        const lists = await Promise.all([z.grad, temperature.grad].map((gradient) => (gradient as Tensor).data()));
        return [await value.item(), ...lists.flatMap((list) => Array.from(list, Number))];
      }),
    )) as [number[], number[]];
    expect(found).toHaveLength(here.length);
    for (const [i, x] of found.entries()) expect(x).toBeCloseTo(here[i] as number, 9);
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  const features = (device: string): Tensor => tensor(values, { shape: [64, 2, 8], device });

  it.each([16, 128])('metrics in blocks of %d are those of the CPU, whoever knows the labels', async (block) => {
    const made = tensor(labels, { device }).add(0); // known to the device alone
    const here = await contrastiveMetrics(features('cpu'), { labels, block });
    for (const each of [labels, made]) {
      const found = await contrastiveMetrics(features(device), { labels: each, block });
      for (const [name, value] of Object.entries(found)) expect(value, name).toBeCloseTo((here as never)[name], 5);
    }
  });

  it('labels and a temperature that the device alone knows are not waited for; where they are wrong, the loss is NaN', async () => {
    const [made, temperature] = [tensor(labels, { device }).add(0), tensor(0.1, { device })];
    const z = features(device);
    await sync();
    takeLog();
    const right = supConLoss(z, { labels: made, temperature });
    const wrong = [
      supConLoss(z, { labels: made.sub(1), temperature }),
      supConLoss(z, { labels: made, temperature: temperature.neg() }),
      supConLoss(z, { labels: made, temperature: temperature.mul(0) }),
      supConLoss(z, { labels: made, temperature: temperature.mul(Number.POSITIVE_INFINITY) }),
      internal.softmaxCrossEntropy(z, made.sub(1)),
      internal.softmaxCrossEntropy(z, made.add(4)), // 4 to 8, of 8 classes
    ];
    await sync();
    expect(waitsOfStreams(takeLog())).toEqual([]);
    expect(await right.item()).toBeCloseTo(await supConLoss(features('cpu'), { labels }).item(), 6);
    for (const each of wrong) expect(await each.item()).toBeNaN();
    for (const value of Object.values(await contrastiveMetrics(z, { labels: made.sub(1) }))) expect(value).toBeNaN();
  });

  it('a gradient that may be differentiated is the plain one, and a second derivative is refused', async () => {
    const z = tensor(values, { shape: [64, 2, 8], device, requiresGrad: true });
    const slope = (createGraph: boolean) => ops.grad([supConLoss(z, { labels })], [z], { createGraph })[0] as Tensor;
    expect(await slope(true).toArray()).toEqual(await slope(false).toArray());
    await expect(ops.grad([ops.square(slope(true)).sum()], [z])[0]?.data()).rejects.toMatchObject({
      code: 'ERR_AUTOGRAD',
    });
  });

  // A GPU does not tell how many there were.
  it.skipIf(hasGpu)('a larger queue takes no more launches for being known to the device alone', async () => {
    const z = tensor(values, { shape: [64, 2, 8], device, requiresGrad: true });
    const launchesOf = async (isKnown: boolean, size: number): Promise<number> => {
      const features = ops.randn([size, 8], { seed: 1 }).to({ device });
      const held = Int32Array.from({ length: size }, (_, i) => 64 + i);
      const bank = { features, ids: isKnown ? held : onDevice(z, held) };
      z.zeroGrad(); // to add to what is there is a launch more
      await sync();
      takeLog();
      ntXentLoss(z, { anchors: 'queries', ids, bank, block: 64 }).backward();
      await sync();
      return launchesIn(takeLog()) as number;
    };
    const growth = async (isKnown: boolean) => (await launchesOf(isKnown, 1024)) - (await launchesOf(isKnown, 512));
    const known = await growth(true);
    expect(known).toBeGreaterThan(0);
    expect(await growth(false)).toBeLessThanOrEqual(known);
  });

  it('the memory of a loss and its gradient is that of some blocks, not of all pairs', async () => {
    const rows = 4096;
    const z = ops
      .randn([rows / 2, 2, 8], { seed: 1 })
      .to({ device })
      .detach();
    z.requiresGrad = true;
    for (const block of [256, 512]) {
      await sync();
      const before = takeLog()?.bytes ?? 0;
      supConLoss(z, { block, labels: Int32Array.from({ length: rows / 2 }, (_, i) => i % 100) }).backward();
      await sync();
      const taken = (takeLog()?.peakBytes ?? 0) - before;
      // A block of float32 against all rows, or against a block; all pairs are 64 MiB.
      expect(taken).toBeLessThan(4 * 4 * block * rows);
    }
  });
});
