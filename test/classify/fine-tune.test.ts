import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Augmentation, augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { Classifier } from '../../lib/classify/classifier.ts';
import { type FineTuneOptions, fineTune } from '../../lib/classify/fine-tune.ts';
import { loadClassifier } from '../../lib/classify/load-classifier.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { subset } from '../../lib/data/dataset.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { Identity } from '../../lib/nn/activations.ts';
import { Linear } from '../../lib/nn/linear.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { mul_ } from '../../lib/tensor/ops.ts';
import { tensorState } from '../../lib/tensor/raw-tensors.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import { collect } from '../collect.ts';
import { filledState } from '../encoders/formula.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fine-tune-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plain = (): Augmentation => augment([normalize(0.4, 0.25)]);
const options = (changed: Partial<FineTuneOptions> = {}): FineTuneOptions => ({
  augment: tinyViews(),
  evaluation: plain(),
  batchSize: 16,
  epochs: 2,
  optimizer: { name: 'sgd', lr: 0.8, momentum: 0.9, nesterov: true },
  ...changed,
});

const classifierParts = () => {
  const { encoder } = tinyModels();
  return { encoder, head: linearHead({ inFeatures: encoder.featureDim, outFeatures: 2 }) };
};

const values = async (classifier: Pick<Classifier, 'stateDict'>): Promise<Record<string, number[]>> => {
  const entries = [...classifier.stateDict()].map(async ([name, value]) => [
    name,
    Array.from(await value.data(), Number),
  ]);
  return Object.fromEntries(await Promise.all(entries));
};

describe('three steps', () => {
  interface Stored {
    shapes: Record<string, number[]>;
    steps: { loss: number; state: Record<string, number[]> }[];
    probabilities: number[];
  }
  const [count, size] = [12, 16];
  const pixels = Uint8Array.from(
    { length: count * size * size * 3 },
    (_, i) => (i * i * 7 + i * 13 + Math.floor(i / 29)) % 256,
  );
  const labels = Array.from({ length: count }, (_, i) => (i * i + Math.floor(i / 3)) % 3);
  const dataset = arrayDataset(pixels, { shape: [count, size, size, 3], labels, classes: ['a', 'b', 'c'] });

  /** Largest error, relative where a value is above 1. */
  const farthest = (actual: readonly number[], expected: readonly number[]): number =>
    Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)) / Math.max(1, Math.abs(value))));

  test('are those of PyTorch: losses, weights and statistics after each, and probabilities at last', async () => {
    const text = await readFile(new URL('../fixtures/classify/fine-tune.json', import.meta.url), 'utf8');
    const stored: Stored = JSON.parse(text);
    const encoder = resnet18({ stem: 'cifar', width: 4 });
    encoder.loadStateDict(filledState(stored.shapes));
    const losses: number[] = [];
    const out = join(folder, 'steps');
    const { classifier, loss, steps } = await fineTune(encoder, dataset, {
      augment: augment([normalize(0.5, 0.25)]),
      evaluation: augment([normalize(0.5, 0.25)]),
      labelSmoothing: 0.1,
      optimizer: { name: 'sgd', lr: 2, momentum: 0.9, nesterov: true },
      epochs: 3,
      out,
      onEvent: (event) => {
        if (event.kind === 'step') losses.push(event.loss);
      },
    });
    using _ = classifier;
    expect([steps, classifier.classes]).toEqual([3, ['a', 'b', 'c']]);
    expect(loss).toBe(losses[2]);
    expect(
      farthest(
        losses,
        stored.steps.map((step) => step.loss),
      ),
    ).toBeLessThan(1e-5);
    const run = await RunFolder.open(out);
    for (const [i, { state }] of stored.steps.entries()) {
      const { model } = await run.loadCheckpoint(i + 1);
      const written = new Map([
        ...tensorState(model, 'encoder.'),
        ...[...tensorState(model, 'head.')].map(([name, value]) => [`fc.${name}`, value] as const),
      ]);
      for (const [name, expected] of Object.entries(state)) {
        const actual = Array.from(written.get(name)?.dataSync() ?? [], Number).slice(0, 100);
        expect(farthest(actual, expected), `${name} after step ${i + 1}`).toBeLessThan(5e-5);
      }
    }
    const { probabilities, predictions } = await classifier.predict(dataset);
    expect(farthest([...probabilities], stored.probabilities)).toBeLessThan(1e-4);
    predictions.forEach((predicted, i) => {
      const row = stored.probabilities.slice(3 * i, 3 * i + 3);
      expect(predicted).toBe(row.indexOf(Math.max(...row)));
    });
  });

  test('with micro-batches there is still one update a batch', async () => {
    const { encoder } = tinyModels();
    const { classifier, steps } = await fineTune(encoder, tinyDataset(40), options({ microBatch: 8, epochs: 1 }));
    expect(steps).toBe(2);
    classifier.dispose();
  });
});

describe('fineTune', () => {
  const [train, held] = [
    tinyDataset(40),
    subset(
      tinyDataset(60),
      Array.from({ length: 20 }, (_, i) => 40 + i),
    ),
  ];

  test('learns what linear features do not show, leaves the encoder as it is, tells events and progress', async () => {
    const { encoder } = tinyModels();
    const before = await Promise.all(encoder.parameters().map((value) => value.data()));
    encoder.train(true);
    const events: TrainEvent[] = [];
    const progress: number[][] = [];
    const result = await fineTune(
      encoder,
      train,
      options({
        epochs: 12,
        test: held,
        onEvent: (event) => events.push(event),
        onProgress: (done, total) => progress.push([done, total]),
      }),
    );
    using classifier = result.classifier;
    expect(result.test?.accuracy).toBe(1);
    expect(result.test).not.toHaveProperty('top5');
    expect(result.loss).toBeLessThan(0.3);
    expect([classifier.classes, classifier.encoder.training, encoder.training]).toEqual([['0', '1'], false, true]);
    expect(classifier.encoder).not.toBe(encoder);
    expect(await Promise.all(encoder.parameters().map((value) => value.data()))).toEqual(before);
    const kinds = events.map(({ kind }) => kind);
    expect([kinds[0], kinds.at(-1), kinds.filter((kind) => kind === 'step').length]).toEqual(['start', 'end', 24]);
    expect(kinds).not.toContain('warning');
    const rates = events.flatMap((event) => (event.kind === 'step' ? [event.learningRate] : []));
    expect(rates[0]).toBeCloseTo((0.8 * 16) / 256, 12);
    expect(rates.at(-1)).toBeLessThan(0.001);
    expect(events.some((event) => event.kind === 'step' && event.metrics !== undefined)).toBe(false);
    expect(progress.at(-1)).toEqual([20, 20]);
    const shares = Array.from(
      { length: 20 },
      (_, i) => (result.test?.probabilities[2 * i] ?? 0) + (result.test?.probabilities[2 * i + 1] ?? 0),
    );
    for (const share of shares) expect(share).toBeCloseTo(1, 5);
    await expect(classifier.predict(held, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  test('the same seed gives the same bits; another seed does not', async () => {
    const { encoder } = tinyModels();
    const run = async (seed: number) => {
      const { classifier } = await fineTune(encoder, train, options({ seed, headInit: 'normal', epochs: 1 }));
      using _ = classifier;
      return values(classifier);
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect((await run(4))['fc.weight']).not.toEqual(first['fc.weight']);
  });

  test('begins with the weights of a file', async () => {
    const { encoder } = tinyModels();
    using other = encoder.clone();
    noGrad(() => other.parameters().forEach((parameter) => void mul_(parameter, 2).dispose()));
    const file = join(folder, 'init.safetensors');
    await other.save(file);
    const tuned = async (from: typeof encoder, init?: string) => {
      const { classifier } = await fineTune(from, train, options({ epochs: 1, ...(init && { init }) }));
      using _ = classifier;
      return values(classifier);
    };
    const before = await values(encoder);
    expect(await tuned(encoder, file)).toEqual(await tuned(other));
    expect(await values(encoder)).toEqual(before);
    await expect(tuned(encoder, join(folder, 'none.pth'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  test('with averaged weights the classifier has their mean', async () => {
    const out = join(folder, 'averaged');
    const { encoder } = tinyModels();
    const last = await fineTune(encoder, train, options({ epochs: 1 }));
    const mean = await fineTune(encoder, train, options({ epochs: 1, ema: {}, out }));
    expect((await RunFolder.open(out)).config.ema).toEqual({ decay: 0.999 });
    expect(mean.loss).toBe(last.loss);
    expect(await values(mean.classifier)).not.toEqual(await values(last.classifier));
    using loaded = await loadClassifier({ checkpoint: out });
    expect(await values(loaded)).toEqual(await values(mean.classifier));
    for (const { classifier } of [last, mean]) classifier.dispose();
  });

  test('writes a run that loads as a classifier and as an embedder, and a file under torchvision’s names', async () => {
    const { encoder } = tinyModels();
    const out = join(folder, 'run');
    const named = { ...train, classes: ['above', 'below'] };
    const { classifier } = await fineTune(encoder, named, options({ out, epochs: 1 }));
    using trained = classifier;
    using loaded = await loadClassifier({ checkpoint: out });
    expect(loaded.classes).toEqual(['above', 'below']);
    expect(await values(loaded)).toEqual(await values(trained));
    expect((await loaded.predict(held)).predictions).toEqual((await trained.predict(held)).predictions);
    expect([...trained.stateDict().keys()]).toEqual([...encoder.stateDict().keys(), 'fc.weight', 'fc.bias']);
    const file = join(folder, 'model.safetensors');
    await trained.save(file);
    const bytes = await readFile(file);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString());
    expect(Object.keys(header).sort()).toEqual(['__metadata__', ...trained.stateDict().keys()].sort());
    expect(header['fc.weight']).toMatchObject({ dtype: 'F32', shape: [2, 32] });
    const embedder = await createEmbedder({ checkpoint: out });
    expect(embedder.dim).toBe(32);
    await embedder.close();
  });

  test('predictions refuse what is no data set, and unknown options', async () => {
    const { encoder, head } = classifierParts();
    using classifier = new Classifier({ encoder, head, evaluation: plain() });
    await expect(classifier.predict([] as never)).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(classifier.predict(held, { batch: 1 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(classifier.predict(held, { maxPixels: 9 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  test('goes on where it was stopped, to the same weights', async () => {
    const { encoder } = tinyModels();
    const straight = await fineTune(encoder, train, options({ epochs: 3 }));
    const out = join(folder, 'stopped');
    const controller = new AbortController();
    const stop = (event: TrainEvent): void => {
      if (event.kind === 'step' && event.step === 3) controller.abort();
    };
    await expect(
      fineTune(encoder, train, options({ epochs: 3, out, signal: controller.signal, onEvent: stop })),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const resumed = await fineTune(encoder, train, options({ epochs: 3, out, resume: true }));
    expect(await values(resumed.classifier)).toEqual(await values(straight.classifier));
    straight.classifier.dispose();
    resumed.classifier.dispose();
  });

  test('an abort frees what it made', async () => {
    const { encoder } = tinyModels();
    await collect();
    await sync();
    await collect();
    const before = memory().tensors;
    const controller = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.kind === 'step') controller.abort();
    };
    await expect(
      fineTune(encoder, train, options({ epochs: 1000, signal: controller.signal, onEvent })),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await sync();
    await collect();
    expect(memory().tensors).toBe(before);
    await expect(fineTune(encoder, train, options({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  test('fewer images than a batch are one batch', async () => {
    const { encoder } = tinyModels();
    const { classifier, steps } = await fineTune(encoder, subset(train, [0, 1, 2, 3]), options({ epochs: 2 }));
    expect([steps, classifier.classes.length]).toEqual([2, 2]);
    classifier.dispose();
  });

  test('errors', async () => {
    const { encoder } = tinyModels();
    const failing = async (changed: object, code: string, message: RegExp, data = train, module = encoder) =>
      expect(fineTune(module, data, options(changed))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    await failing({ epoch: 1 }, 'ERR_OPTION', /did you mean 'epochs'/);
    await failing({ epochs: 0 }, 'ERR_OPTION', /epochs must be/);
    await failing({ batchSize: 0 }, 'ERR_OPTION', /batchSize must be/);
    await failing({ augment: undefined }, 'ERR_OPTION', /augment must be/);
    await failing({ evaluation: [] }, 'ERR_OPTION', /evaluation must be what presets.evaluation/);
    await failing({ labelSmoothing: 2 }, 'ERR_OPTION', /labelSmoothing must be/);
    await failing({ headInit: 'ones' }, 'ERR_OPTION', /headInit must be one of 'zeros', 'normal', 'uniform'/);
    await failing({ classes: 0 }, 'ERR_OPTION', /classes must be/);
    await failing({ classes: 1 }, 'ERR_DATA', /labels must be in \[0, 1\)/);
    await failing({}, 'ERR_DATA', /sample 0 must have a label/, tinyDataset(40, { labels: false }));
    const sparse = { ...tinyDataset(40), labels: Array.from({ length: 40 }, (_, i) => (i % 2) * 1_000_000) };
    await failing({}, 'ERR_OPTION', /classes must be given: the largest of 40 labels is 1000000/, sparse);
    await failing(
      { classes: 2 },
      'ERR_DATA',
      /the method 'cross-entropy' needs a label/,
      tinyDataset(40, { labels: false }),
    );
    await failing({}, 'ERR_OPTION', /encoder must be a Module/, train, {} as never);
    await failing({}, 'ERR_OPTION', /encoder.featureDim must be an integer/, train, new Linear(4, 4) as never);
    await failing(
      {},
      'ERR_OPTION',
      /encoder must have parameters/,
      train,
      Object.assign(new Identity(), { featureDim: 4 }),
    );
    const parts = { encoder, head: linearHead({ inFeatures: 32, outFeatures: 2 }), evaluation: plain() };
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(() => new Classifier({ ...parts, classes: ['a'] })).toThrow(code('ERR_OPTION'));
    expect(() => new Classifier({ ...parts, head: linearHead({ inFeatures: 31, outFeatures: 2 }) })).toThrow(
      code('ERR_SHAPE'),
    );
    expect(() => new Classifier({ ...parts, head: null } as never)).toThrow(code('ERR_OPTION'));
    expect(() => new Classifier({ ...parts, augment: plain() } as never)).toThrow(code('ERR_OPTION'));
    await failing({ test: tinyDataset(4, { labels: false }), epochs: 1 }, 'ERR_DATA', /needs a label for every image/);
  });

  test('a run of contrastive training is no classifier', async () => {
    const { Trainer } = await import('../../lib/train/trainer.ts');
    const { encoder, head } = tinyModels();
    const out = join(folder, 'contrastive');
    await new Trainer({ encoder, head, augment: tinyViews(), batchSize: 16, epochs: 1 }).fit(train, { out });
    await expect(loadClassifier({ checkpoint: out })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/holds no classifier \(its method is "supcon"\)/),
    });
    await expect(loadClassifier({ checkpoint: join(folder, 'none') })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
    });
    await expect(loadClassifier({ run: out } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});
