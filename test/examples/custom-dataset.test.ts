import { describe, expect, it } from 'vitest';
import { Patterns, trainOnPatterns } from '../../examples/custom-dataset.ts';
import { checkDataset, checkSample } from '../../lib/data/dataset.ts';

describe('a data set written in TypeScript', () => {
  it('is one, with the same image at every reading', () => {
    const dataset = checkDataset(new Patterns(30, { size: 12, firstId: 90 }));
    for (const index of [0, 1, 2, 29]) {
      const first = checkSample(dataset.get(index), `sample ${index}`);
      expect(first).toEqual(dataset.get(index));
      expect([first.id, first.label]).toEqual([90 + index, (90 + index) % 3]);
      expect(new Set(first.pixels).size).toBeGreaterThan(1);
    }
    expect(new Patterns(1, { firstId: 0 }).get(0)).not.toEqual(new Patterns(1, { firstId: 3 }).get(0));
  });

  it('trains', async () => {
    const accuracy = await trainOnPatterns({ images: 192, epochs: 4, batchSize: 32 });
    expect(accuracy).toBeGreaterThan(0.55); // by chance 0.33
  });
});
