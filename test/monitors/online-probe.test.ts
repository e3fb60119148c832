import { describe, expect, it } from 'vitest';
import { onlineProbe } from '../../lib/monitors/online-probe.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { collect } from '../collect.ts';
import { contextOf, observed, rowsOf } from './batches.ts';

const at = <T>(list: readonly T[], i: number): T => list[i] as T;

/** The probe as loops over numbers. */
class PlainProbe {
  readonly #weights: number[][] = []; // (classes, dim + 1)
  readonly #velocity: number[][] = [];
  readonly #rate: number;
  readonly #classes: number[] = []; // as they were first seen

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Learns a batch; returns how many it would have predicted. */
  learn(values: number[][], given: number[]): number {
    const dim = values[0]?.length as number;
    for (const label of given) if (!this.#classes.includes(label)) this.#classes.push(label);
    const labels = given.map((label) => this.#classes.indexOf(label));
    for (let c = this.#weights.length; c < this.#classes.length; c++) {
      this.#weights.push(new Array(dim + 1).fill(0));
      this.#velocity.push(new Array(dim + 1).fill(0));
    }
    const n = values.length;
    const inputs = values.map((row) => [...row, 1]);
    for (let d = 0; d < dim; d++) {
      const mean = values.reduce((sum, row) => sum + (row[d] as number), 0) / n;
      const deviation = Math.sqrt(values.reduce((sum, row) => sum + ((row[d] as number) - mean) ** 2, 0) / n);
      for (const row of inputs) row[d] = ((row[d] as number) - mean) / (deviation * Math.sqrt(dim));
    }
    const gradient = this.#weights.map((row) => new Float64Array(row.length));
    let right = 0;
    for (const [i, x] of inputs.entries()) {
      const logits = this.#weights.map((w) => w.reduce((sum, weight, d) => sum + weight * (x[d] as number), 0));
      if (logits.indexOf(Math.max(...logits)) === labels[i]) right++;
      const sum = logits.reduce((all, logit) => all + Math.exp(logit), 0);
      for (const [c, logit] of logits.entries()) {
        const error = Math.exp(logit) / sum - (labels[i] === c ? 1 : 0);
        for (const [d, value] of x.entries()) at(gradient, c)[d] = (at(gradient, c)[d] as number) + (error * value) / n;
      }
    }
    for (const [c, row] of gradient.entries())
      for (const [d, value] of row.entries()) {
        const velocity = 0.9 * (this.#velocity[c]?.[d] as number) + value;
        (this.#velocity[c] as number[])[d] = velocity;
        at(this.#weights, c)[d] = (at(this.#weights, c)[d] as number) - this.#rate * velocity;
      }
    return right;
  }
}

describe('onlineProbe', () => {
  it('predicts what a plain loop does, step after step, also where new classes come', async () => {
    for (const learningRate of [0.3, 1]) {
      const probe = onlineProbe({ learningRate });
      const plain = new PlainProbe(learningRate);
      for (let step = 0; step < 25; step++) {
        const { values, labels } = rowsOf(8 + (step % 3), 6, step);
        const known = step < 5 ? labels.map((label) => label % 2) : labels.map((label) => (label === 2 ? 2e9 : label));
        probe.observe?.(observed(values, known));
        const expected = plain.learn(values, known) / values.length;
        expect(await probe.figures(contextOf(0))).toEqual({ probeTop1: expected });
      }
    }
  });

  it('learns classes that a plane parts, and counts since it was last asked', async () => {
    const probe = onlineProbe();
    for (let step = 0; step < 60; step++) {
      const { values, labels } = rowsOf(32, 12, step);
      probe.observe?.(observed(values, labels));
      if (step === 39) expect((await probe.figures(contextOf(0))).probeTop1).toBeLessThan(1);
    }
    const last = await probe.figures(contextOf(0));
    expect(last.probeTop1).toBeGreaterThan(0.9);
    expect(await probe.figures(contextOf(0))).toEqual(last);
  });

  it('begins anew when it was disposed, as between two trainings', async () => {
    const [used, fresh] = [onlineProbe(), onlineProbe()];
    const rows = (seed: number) => rowsOf(8, 4, seed);
    used.observe?.(observed(rows(1).values, rows(1).labels));
    used[Symbol.dispose]?.();
    expect(await used.figures(contextOf(0))).toEqual({});
    for (const probe of [used, fresh]) probe.observe?.(observed(rows(2).values, rows(2).labels));
    expect(await used.figures(contextOf(0))).toEqual(await fresh.figures(contextOf(0)));
  });

  it('says nothing without labels', async () => {
    const probe = onlineProbe();
    probe.observe?.(observed(rowsOf(4, 3).values));
    expect(await probe.figures(contextOf(0))).toEqual({});
  });

  it('leaves no tensor behind', async () => {
    await collect();
    const before = memory().tensors;
    const probe = onlineProbe();
    for (const seed of [0, 1, 2]) {
      const { values, labels } = rowsOf(8, 4, seed);
      const batch = observed(values, labels);
      probe.observe?.(batch);
      for (const tensor of [batch.features, batch.queued]) tensor.dispose();
      await probe.figures(contextOf(0));
    }
    probe[Symbol.dispose]?.();
    expect(memory().tensors).toBe(before);
  });

  it('refuses what is no option of it', () => {
    expect(() => onlineProbe({ learningrate: 1 } as never)).toThrow(/did you mean 'learningRate'/);
    expect(() => onlineProbe({ learningRate: 0 })).toThrow(/learningRate must be a finite number > 0, got 0/);
  });
});
