import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../lib/checkpoint/module-files.ts';
import { readRawSafetensors } from '../../lib/checkpoint/safetensors.ts';
import { resnet18 } from '../../lib/models/resnet.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'module-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const small = (seed: number, width = 2) => resnet18({ stem: 'cifar', width, seed });

describe('save and load of a module', () => {
  it('go there and back under torchvision names, and leave nothing behind', async () => {
    const file = join(folder, 'encoder.safetensors');
    using first = small(1);
    using second = small(2);
    const values = async (module: typeof first) =>
      Promise.all([...module.stateDict().values()].map(async (tensor) => Array.from(await tensor.data(), Number)));
    expect(await values(second)).not.toEqual(await values(first));
    await first.save(file);
    await sync();
    const before = memory().tensors;
    await second.load(file);
    await sync();
    expect(memory().tensors).toBeLessThanOrEqual(before);
    expect(await values(second)).toEqual(await values(first));
    const { tensors } = await readRawSafetensors(file);
    expect([...tensors.keys()].sort()).toEqual([...first.stateDict().keys()].sort());
    expect(tensors.has('layer1.0.bn1.running_mean')).toBe(true);
    expect(await readdir(folder)).toEqual(['encoder.safetensors']);
  });

  it('refuse what is missing, damaged, of another shape, and no path at all', async () => {
    using module = small(1);
    const damaged = join(folder, 'damaged.safetensors');
    await writeFile(damaged, 'no');
    using wide = small(1, 3);
    const other = join(folder, 'wide.safetensors');
    await wide.save(other);
    for (const file of [join(folder, 'none.safetensors'), damaged, other])
      await expect(module.load(file)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(module.load('')).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(module.save('')).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});
