import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { encodeSafetensors, type RawTensor, readRawSafetensors } from '../../lib/files/safetensors.ts';
import { readSafetensors } from '../../lib/nn/weights-file.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
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

  it('leave out what is to be ignored, and take what has a prefix', async () => {
    using first = small(1);
    const states = await rawState(first.stateDict());
    const classifier: [string, RawTensor][] = [
      ['fc.weight', { dtype: 'F32', shape: [3, 16], data: new Uint8Array(3 * 16 * 4) }],
      ['fc.bias', { dtype: 'F32', shape: [3], data: new Uint8Array(12) }],
    ];
    const plain = join(folder, 'torchvision.safetensors');
    await writeFile(plain, encodeSafetensors(new Map([...states, ...classifier])));
    const inside = join(folder, 'model.safetensors');
    const prefixed = [...states, ...classifier].map(([name, raw]) => [`encoder.${name}`, raw] as const);
    await writeFile(inside, encodeSafetensors(new Map([...prefixed, ...classifier])));
    const values = async (module: typeof first) =>
      Promise.all([...module.stateDict().values()].map(async (tensor) => Array.from(await tensor.data(), Number)));
    for (const [file, options] of [
      [plain, { ignore: ['fc.'] }],
      [inside, { prefix: 'encoder.', ignore: ['fc.'] }],
    ] as const) {
      using second = small(2);
      expect(await second.load(file, options)).toEqual({ missing: [], unexpected: [] });
      expect(await values(second)).toEqual(await values(first));
    }
    using third = small(3);
    await expect(third.load(plain)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/torchvision\.safetensors: .*unknown 'fc\.\w+'/),
    });
    const { missing, unexpected } = await third.load(plain, { strict: false, ignore: ['conv1.', 'fc.b'] });
    expect([missing, unexpected]).toEqual([['conv1.weight'], ['fc.weight']]);
    for (const wrong of [{ strct: true }, { prefix: 3 }, { ignore: 'fc.' }, { ignore: [''] }, { strict: 1 }])
      await expect(third.load(plain, wrong as object)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it.each([
    ['a zip archive', [0x50, 0x4b, 0x03, 0x04, 0, 0, 8, 8, 0, 0]],
    ['an older pickle', [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]],
  ])('say of a .pth that is %s what it is, and how to convert it', async (_, bytes) => {
    const file = join(folder, 'resnet18.pth');
    await writeFile(file, Uint8Array.from(bytes));
    using module = small(1);
    await expect(module.load(file)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/resnet18\.pth: is a file of PyTorch's torch\.save\(\).*\n.*\n.*save_file\(/),
    });
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

describe('readSafetensors', () => {
  it('gives tensors by name', async () => {
    const file = join(folder, 'some.safetensors');
    const data = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
    const raw = new Map<string, RawTensor>([
      ['fc.weight', { dtype: 'F32', shape: [2, 1], data: data(1, -2) }],
      ['half', { dtype: 'F16', shape: [1], data: Uint8Array.of(0, 0x3c) }],
    ]);
    await writeFile(file, encodeSafetensors(raw));
    const tensors = await readSafetensors(file);
    expect([...tensors.keys()].sort()).toEqual(['fc.weight', 'half']);
    expect(await tensors.get('fc.weight')?.toArray()).toEqual([[1], [-2]]);
    expect(await tensors.get('half')?.toArray()).toEqual([1]);
    for (const tensor of tensors.values()) tensor.dispose();
  });

  it('refuses no path, no file, and a type that tensors do not have', async () => {
    await expect(readSafetensors('')).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(readSafetensors(join(folder, 'none'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    const file = join(folder, 'u64.safetensors');
    await writeFile(file, encodeSafetensors(new Map([['x', { dtype: 'U64', shape: [0], data: new Uint8Array() }]])));
    await expect(readSafetensors(file)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(`${file}: a tensor of dtype U64`),
    });
  });
});
