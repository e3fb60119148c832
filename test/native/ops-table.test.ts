import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { renderOps } from '../../scripts/generate-ops.ts';
import { calls } from './op-calls.ts';

// Collectives need a group: of this process alone.
const meeting = join(mkdtempSync(join(tmpdir(), 'contrastive-group-')), 'store');
beforeAll(() => initProcessGroup({ file: meeting, rank: 0, worldSize: 1 }));
afterAll(() => destroyProcessGroup());

describe('the op table', () => {
  it('has a call for every own operation, in op-calls.ts', () => {
    const { ownOps, schema } = loadAddon();
    const isPublic = (name: string) => !schema(name).startsWith('_');
    expect(Object.keys(calls).sort()).toEqual(ownOps().filter(isPublic).sort());
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
