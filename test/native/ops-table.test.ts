import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { renderOps } from '../../scripts/generate-ops.ts';
import { operationNotes } from '../../scripts/operation-notes.ts';
import { parseSchema } from '../../scripts/operation-schema.ts';
import { calls } from './op-calls.ts';

// Collectives need a group: of this process alone.
const meeting = join(mkdtempSync(join(tmpdir(), 'contrastive-group-')), 'store');
beforeAll(() => initProcessGroup({ file: meeting, rank: 0, worldSize: 1 }));
afterAll(() => destroyProcessGroup());

/** Those of our own that a user calls; the others are the library's alone, or behind a function that checks. */
const forUsers = [
  ...['allGather', 'allReduce_', 'broadcast_', 'dropout', 'grad', 'normalize', 'rand', 'randint', 'randn', 'randperm'],
  ...['reduceScatter', 'scaledDotProductAttention', 'wholeBatch'],
];

describe('the op table', () => {
  it('has a call for every own operation, in op-calls.ts', () => {
    const { ownOps, schema } = loadAddon();
    const isPublic = (name: string) => !schema(name).startsWith('_');
    expect(Object.keys(calls).sort()).toEqual(ownOps().filter(isPublic).sort());
  });

  it('gives users those that are for them, each with a docstring', () => {
    const { ownOps, schema } = loadAddon();
    const own = ownOps().map((name) => parseSchema(name, schema(name), {}).tsName);
    expect(own.filter((name) => name in ops).sort()).toEqual(forUsers);
    expect(own.filter((name) => name in internal && forUsers.includes(name))).toEqual([]);
    const source = readFileSync(new URL('../../lib/tensor/ops.ts', import.meta.url), 'utf8');
    const described = [...source.matchAll(/^ ?\*+\/\nexport function (\w+)|^\/\*\* .* \*\/\nexport function (\w+)/gm)];
    expect(described.map(([, long, short]) => long ?? short).sort()).toEqual(Object.keys(ops).sort());
    expect(Object.keys(operationNotes).filter((name) => !(name in ops))).toEqual([]);
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

  it.each(Object.entries(renderOps(loadAddon())))('lib/tensor/%s is what `npm run ops` writes', (name, input) => {
    const biome = fileURLToPath(new URL('../../node_modules/.bin/biome', import.meta.url));
    const formatted = execFileSync(biome, ['format', `--stdin-file-path=lib/tensor/${name}`], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      input,
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    expect(readFileSync(new URL(`../../lib/tensor/${name}`, import.meta.url), 'utf8')).toBe(formatted);
  });
});
