/** Cross entropy as a trainer's loss by name. */
import { describe, expect, test } from 'vitest';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import type { LossSpec } from '../../lib/losses/all.ts';
import { moco } from '../../lib/methods/moco.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { firstBatch, gradientOf, optionsOf, parametersOf } from '../train/one-step.ts';
import { tinyDataset, tinyModels } from '../train/tiny.ts';

const models = () => {
  const { encoder } = tinyModels();
  return { encoder, head: linearHead({ inFeatures: encoder.featureDim, outFeatures: 2, init: 'uniform', seed: 2 }) };
};

describe('the cross-entropy loss of a Trainer', () => {
  test('has, with label smoothing, the gradient of the plain formula at the bias of the head', async () => {
    const loss = { name: 'cross-entropy', labelSmoothing: 0.2 } as const;
    const options = optionsOf({ ...models(), loss, views: 1 });
    using batch = await firstBatch(tinyDataset(), options);
    const logits = options.head?.forward(options.encoder.forward(batch.images[0] as never));
    const values = Array.from((await logits?.data()) ?? [], Number);
    const labels = Array.from(batch.labels ?? []);
    const expected = [0, 0];
    for (const [i, label] of labels.entries()) {
      const [a, b] = [values[2 * i] as number, values[2 * i + 1] as number];
      const share = 1 / (1 + Math.exp(a - b)); // of class 1
      expected[0] = (expected[0] as number) + (1 - share - (label === 0 ? 0.9 : 0.1)) / labels.length;
      expected[1] = (expected[1] as number) + (share - (label === 1 ? 0.9 : 0.1)) / labels.length;
    }
    const { gradient } = await gradientOf(tinyDataset(), optionsOf({ ...models(), loss, views: 1 }));
    const bias = gradient[parametersOf(options).length - 1] as number[];
    bias.forEach((value, c) => {
      expect(value).toBeCloseTo(expected[c] as number, 4);
    });
  });

  test('warns of nothing that contrastive losses are warned of, and has no metrics', async () => {
    const events: TrainEvent[] = [];
    const { encoder, head } = models();
    const trainer = new Trainer({
      encoder,
      head,
      loss: { name: 'cross-entropy' },
      augment: optionsOf().augment[0] as never,
      views: 1,
      batchSize: 16,
      epochs: 1,
    });
    await trainer.fit(tinyDataset(40, { oneClass: true }), { onEvent: (event) => events.push(event) });
    expect(events.some(({ kind }) => kind === 'warning')).toBe(false);
    expect(events.some((event) => event.kind === 'step' && event.metrics !== undefined)).toBe(false);
  });

  test('refuses a wrong specification', () => {
    const loss = (spec: object) => () => optionsOf({ loss: spec as LossSpec });
    const code = (message: RegExp) =>
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
    expect(loss({ name: 'cross-entropy', labelSmoothing: 2 })).toThrow(code(/labelSmoothing must be/));
    expect(loss({ name: 'cross-entropy', temperature: 1 })).toThrow(code(/unknown option 'temperature'/));
    expect(loss({ name: 'crossentropy' })).toThrow(code(/did you mean 'cross-entropy'/));
    const withKeys = () => moco({ loss: { name: 'cross-entropy' } });
    expect(withKeys).toThrow(code(/moco.loss must be a contrastive loss: cross-entropy has no keys/));
  });
});
