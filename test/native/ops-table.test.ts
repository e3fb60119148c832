import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../lib/native/addon.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { renderOps } from '../../scripts/generate-ops.ts';

const labels = (n: number) => tensor(Int32Array.from({ length: n }, (_, i) => i % 3)).to('int64');

/** A call of every operation of our own table. One without an entry here fails the first test. */
const calls: Readonly<Record<string, () => Tensor | Tensor[]>> = {
  knn_classify: () => ops.knnClassify(ops.randn([5, 4]), ops.randn([9, 4]), labels(9), { classes: 3, k: 2 }),
  linear_probe: () =>
    ops.linearProbe(ops.randn([9, 4]), labels(9), ops.randn([5, 4]), tensor([0.1, 0.01]), { classes: 3, epochs: 1 }),
  nearest_neighbours: () => ops.nearestNeighbours(ops.randn([5, 4]), ops.randn([9, 4]), { k: 2 }),
  nt_xent_loss: () => ops.ntXentLoss(ops.randn([4, 2, 8]), undefined, { temperature: 0.5 }),
  sup_con_loss: () => ops.supConLoss(ops.randn([6, 2, 8]), labels(6), undefined, undefined, { temperature: 0.1 }),
  rand: () => ops.rand([2, 3], { seed: 1 }),
  randn: () => ops.randn([2, 3], { seed: 1, device: 'cpu' }),
};

describe('the op table', () => {
  it('has a call for every own operation', () => {
    expect(Object.keys(calls).sort()).toEqual(loadAddon().ownOps().sort());
  });

  it.each(Object.entries(calls))('%s runs on meta tensors and promises the shapes that it gives', async (_, run) => {
    // Behind this the call has certainly not run when its shapes are asked for: they can only come from its meta twin.
    const busy = ops.randn([1200, 1200]);
    busy.matmul(busy).matmul(busy);
    const made = run();
    const results = Array.isArray(made) ? made : [made];
    const known = results.map(({ shape, dtype, requiresGrad }) => ({ shape, dtype, requiresGrad }));
    for (const [i, result] of results.entries()) {
      await result.ready();
      const { shape, dtype } = result;
      expect({ shape, dtype }).toEqual({ shape: known[i]?.shape, dtype: known[i]?.dtype });
      expect((await result.data()).length).toBe(shape.reduce((product, n) => product * n, 1));
    }
  });

  it('lib/tensor/ops.ts is what `npm run ops` writes', () => {
    const biome = fileURLToPath(new URL('../../node_modules/.bin/biome', import.meta.url));
    const formatted = execFileSync(biome, ['format', '--stdin-file-path=lib/tensor/ops.ts'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      input: renderOps(loadAddon()),
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    expect(readFileSync(new URL('../../lib/tensor/ops.ts', import.meta.url), 'utf8')).toBe(formatted);
  });
});
