/** A training by several processes is that of one process. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resultsOf } from './processes.ts';
import { type Trained, type Training, train } from './tiny-training.ts';

const lossesOf = ({ events }: Trained): number[] =>
  events.flatMap((event) => (event.kind === 'step' ? event.loss : []));

const normsOf = ({ events }: Trained): number[] =>
  events.flatMap((event) => (event.kind === 'step' ? event.gradientNorm : []));

/** What a listener hears, in its order; checkpoints are rank 0's. */
const kindsOf = ({ events }: Trained): string[] =>
  events.map(({ kind }) => kind).filter((kind) => kind !== 'checkpoint');

/** The largest difference, relative to numbers above 1. */
function distance(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  expect(a.length).toBeGreaterThan(0);
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number)) / Math.max(1, Math.abs(value))));
}

/**
 * Losses, weights, what neighbours say of images, and of float64 each gradient.
 * @param tolerance of all but the first loss. What is left in float32 is the rounding of sums in another order.
 */
function expectSameTraining(several: readonly Trained[], one: Trained, tolerance = 3e-4): void {
  const [first] = several as [Trained];
  for (const each of several) {
    expect(each.error).toBeUndefined();
    expect(each.digest).toBe(first.digest);
    expect(lossesOf(each)).toEqual(lossesOf(first));
    expect(kindsOf(each)).toEqual(kindsOf(one));
  }
  const [losses, expected] = [lossesOf(first), lossesOf(one)];
  expect(distance(losses.slice(0, 1), expected.slice(0, 1))).toBeLessThan(Math.min(1e-6, tolerance));
  expect(distance(losses, expected)).toBeLessThan(tolerance);
  expect(distance(normsOf(first), normsOf(one))).toBeLessThan(10 * tolerance);
  expect(distance(first.weights, one.weights)).toBeLessThan(tolerance);
  if (tolerance < 1e-6) expect(distance(first.gradients, one.gradients)).toBeLessThan(tolerance);
  for (const { knn } of several) {
    expect(knn).toEqual(first.knn);
    for (const [i, value] of one.knn.entries()) expect(knn[i]).toBeCloseTo(value, 5);
  }
}

const inDouble: Training = {
  isDouble: true,
  isJudged: true,
  count: 64,
  epochs: 5,
  optimizer: { name: 'sgd', lr: 0.02, momentum: 0.9 },
};
const small: Training = { ...inDouble, isSmall: true };
const fewSteps: Training = { ...small, epochs: 1 };
const widelyUsed: Readonly<Record<string, Training>> = {
  simclr: inDouble,
  supcon: { ...small, method: 'supcon' },
  moco: { ...small, method: 'moco' },
  byol: { ...small, method: 'byol' },
  'barlow-twins': { ...small, method: 'barlow-twins' },
};
const methods: Readonly<Record<string, Training>> = {
  ...widelyUsed,
  vicreg: { ...fewSteps, method: 'vicreg' },
  nnclr: { ...fewSteps, method: 'nnclr' },
  swav: { ...fewSteps, method: 'swav' },
  dino: { ...fewSteps, method: 'dino' },
  'moco-v3': { ...fewSteps, method: 'moco-v3' },
  'averaged weights, a sampler': {
    ...small,
    method: 'supcon',
    ema: {},
    sampler: { name: 'class-balanced', classes: 2, perClass: 8 },
  },
  'gradient caching': { ...inDouble, microBatch: 8 },
  'gradients added up': { ...small, accumulate: 2 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-whole-batch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One step: rounding that makes an activation zero in the one and not in the other would tell after more of them. */
const inSingle: Training = { count: 16, epochs: 1 };
const steady: Training = { ...small, count: 48, epochs: 2, schedule: { name: 'constant' } };
const begun = (): string => join(folder, 'begun');

describe('2 processes, half a batch each', () => {
  let results: Trained[][];
  beforeAll(async () => {
    const others: Training[] = [
      { precision: 'float16', scale: 1e-3 },
      { method: 'moco', syncBatchNorm: false },
      inSingle,
      { ...small, method: 'supcon', syncBatchNorm: false },
      { ...small, gather: false, syncBatchNorm: false },
      { ...steady, epochs: 1, ofRanks: [{}, { weightSeed: 2 }], fit: { out: begun() } },
    ];
    results = await resultsOf('training.ts', { trainings: [...Object.values(methods), ...others] }, { seconds: 180 });
  });
  const at = (place: number): Trained[] => results.map((all) => all.at(place) as Trained);

  test.each(Object.entries(methods))('%s', async (name, training) => {
    expectSameTraining(at(Object.keys(methods).indexOf(name)), await train(training), training.isDouble ? 1e-9 : 3e-4);
  });

  test('in float32', async () => expectSameTraining(at(-4), await train(inSingle)));

  test('comparing their own samples, they are as batches whose gradients are added up', async () => {
    const [first, second] = at(-2) as [Trained, Trained];
    expect(lossesOf(second)).toEqual(lossesOf(first));
    expect(distance(lossesOf(first), lossesOf(await train({ ...small, batchSize: 8, accumulate: 2 })))).toBeLessThan(
      1e-9,
    );
  });

  test('statistics of their own rows are others', () => {
    const [first, second] = at(-3) as [Trained, Trained];
    expect(distance(lossesOf(first), lossesOf(at(1)[0] as Trained))).toBeGreaterThan(1e-3);
    expect(lossesOf(second)).toEqual(lossesOf(first));
  });

  test('in float16, gradients that overflow in one have both skip the step', () => {
    const both = at(-6).map(({ error, events, digest }) => {
      const steps = events.flatMap((event) => (event.kind === 'step' ? event : []));
      return { error, digest, scales: steps.map(({ lossScale, skipped = false }) => [lossScale, skipped]) };
    });
    const [first, second] = both as [(typeof both)[number], (typeof both)[number]];
    expect([first.error, first.scales.length, first.scales[0]]).toEqual([undefined, 6, [2 ** 15, true]]);
    expect(second).toEqual(first);
  });

  test('keys of their own statistics, shuffled over both, train the same weights in both', () => {
    const [first, second] = at(-5) as [Trained, Trained];
    expect([first.error, lossesOf(first).every(Number.isFinite), lossesOf(first).length]).toEqual([undefined, true, 6]);
    expect(second.digest).toBe(first.digest);
  });

  test('rank 0 writes the run, from its own initial weights, and 1 and 4 processes go on with it', async () => {
    const unbroken = await train(steady);
    const [first, second] = at(-1) as [Trained, Trained];
    expectSameTraining([first, second], await train({ ...steady, epochs: 1 }), 1e-9);
    expect(first.events.map(({ kind }) => kind)).toContain('checkpoint');
    expect(second.events.map(({ kind }) => kind)).not.toContain('checkpoint');
    expect((await readdir(begun())).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl']);

    const of4 = join(folder, 'of-4');
    await cp(begun(), of4, { recursive: true });
    const goOn = (out: string): Training => ({ ...steady, weightSeed: 5, fit: { out, resume: true } });
    const alone = await train(goOn(begun()));
    const rest = lossesOf(unbroken).slice(3);
    expect(distance(lossesOf(alone), rest)).toBeLessThan(1e-9);
    expect(distance(alone.weights, unbroken.weights)).toBeLessThan(1e-9);
    const four = await resultsOf<Trained[]>('training.ts', { trainings: [goOn(of4), inSingle] }, { worldSize: 4 });
    expectSameTraining(
      four.map(([resumed]) => resumed as Trained),
      alone,
      1e-9,
    );
    expectSameTraining(
      four.map(([, whole]) => whole as Trained),
      await train(inSingle),
    );
    expect((await readdir(of4)).sort()).toEqual((await readdir(begun())).sort());
  });
});

describe('4 processes, a quarter of a batch each', () => {
  const names = Object.keys(widelyUsed);
  const ofAllRows = Object.values(widelyUsed).map((training) => ({ ...training, isSmall: true }));
  const ofOwnRows = ofAllRows.map((training) => ({ ...training, epochs: 1, syncBatchNorm: false }));
  let results: Trained[][];
  beforeAll(async () => {
    results = await resultsOf(
      'training.ts',
      { trainings: [...ofAllRows, ...ofOwnRows] },
      { worldSize: 4, seconds: 180 },
    );
  });
  const at = (place: number): Trained[] => results.map((all) => all.at(place) as Trained);

  test.each(names.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    expectSameTraining(at(i), await train(ofAllRows[i] as Training), 1e-9);
  });

  test.each(names.map((name, i) => [name, i] as const))('%s, with statistics of their own rows', (_, i) => {
    const own = at(names.length + i) as [Trained, ...Trained[]];
    const [first] = own;
    for (const { error, digest } of own) expect([error, digest]).toEqual([undefined, first.digest]);
    const losses = lossesOf(first);
    const whole = lossesOf(at(i)[0] as Trained);
    expect(distance(losses, whole.slice(0, losses.length))).toBeGreaterThan(1e-3);
  });
});
