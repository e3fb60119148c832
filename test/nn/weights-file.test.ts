import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { vitTi16 } from '../../lib/encoders/vision-transformer.ts';
import { decodeSafetensors, encodeSafetensors, type RawTensor } from '../../lib/files/safetensors.ts';
import { describeLoaded, readWeights } from '../../lib/nn/weights-file.ts';
import { randn } from '../../lib/tensor/ops.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { collect } from '../collect.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'module-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const refusal = (message: string | RegExp) => ({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });
const values = async (module: ReturnType<typeof small>) =>
  Promise.all([...module.stateDict().values()].map(async (tensor) => Array.from(await tensor.data(), Number)));
const small = (seed: number, width = 2) => resnet18({ stem: 'cifar', width, seed });

describe('save and load of a module', () => {
  it('go there and back under torchvision names, and leave nothing behind', async () => {
    const file = join(folder, 'encoder.safetensors');
    using first = small(1);
    using second = small(2);
    expect(await values(second)).not.toEqual(await values(first));
    await first.save(file);
    await sync();
    await collect();
    const before = memory().tensors;
    await second.load(file);
    await sync();
    expect(memory().tensors).toBe(before);
    expect(await values(second)).toEqual(await values(first));
    const { tensors } = decodeSafetensors(await readFile(file));
    expect([...tensors.keys()].sort()).toEqual([...first.stateDict().keys()].sort());
    expect(tensors.has('layer1.0.bn1.running_mean')).toBe(true);
    expect(await readdir(folder)).toEqual(['encoder.safetensors']);
  });

  it('find what stands before the names, and leave out what is of no part of the module', async () => {
    using first = small(1);
    const states = await rawState(first.stateDict());
    const zeros = (...shape: number[]): RawTensor => ({
      dtype: 'F32',
      shape,
      data: new Uint8Array(4 * shape.reduce((a, b) => a * b)),
    });
    const classifier: [string, RawTensor][] = [
      ['fc.weight', zeros(3, 16)],
      ['fc.bias', zeros(3)],
    ];
    const plain = join(folder, 'torchvision.safetensors');
    await writeFile(plain, encodeSafetensors(new Map([...states, ...classifier])));
    const inside = join(folder, 'model.safetensors');
    const prefixed = [...states, ...classifier].map(([name, raw]) => [`encoder.${name}`, raw] as const);
    await writeFile(inside, encodeSafetensors(new Map([...prefixed, ...classifier])));
    const names = [...first.stateDict().keys()];
    for (const [file, prefix, leftOut] of [
      [plain, '', ['fc.bias', 'fc.weight']],
      [inside, 'encoder.', ['encoder.fc.bias', 'encoder.fc.weight', 'fc.bias', 'fc.weight']],
    ] as const)
      for (const options of [{}, { prefix }]) {
        using second = small(2);
        const loaded = await second.load(file, options);
        expect({ ...loaded, leftOut: [...loaded.leftOut].sort() }).toEqual({
          prefix,
          loaded: names,
          missing: [],
          leftOut,
          adapted: [],
        });
        expect(await values(second)).toEqual(await values(first));
      }
    using third = small(3);
    await expect(third.load(plain, { prefix: 'encoder.' })).rejects.toMatchObject(
      refusal(/torchvision\.safetensors: holds none of the module's 'conv1\.weight', .* under 'encoder\.', but '/),
    );
    for (const wrong of [{ strct: true }, { prefix: 3 }, { ignore: 'fc.' }, { ignore: [''] }, { strict: 1 }])
      await expect(third.load(plain, wrong as object)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it('refuse a file that lacks names or has more of a part, unless strict is false', async () => {
    using first = small(1);
    const states = await rawState(first.stateDict());
    const extra = states.get('layer1.0.conv1.weight') as RawTensor;
    const deeper = join(folder, 'deeper.safetensors');
    await writeFile(deeper, encodeSafetensors(new Map([...states, ['layer1.2.conv1.weight', extra]])));
    using second = small(2);
    await expect(second.load(deeper)).rejects.toMatchObject(
      refusal(/deeper\.safetensors: holds 'layer1\.2\.conv1\.weight', which the module has not/),
    );
    expect((await second.load(deeper, { ignore: ['layer1.2.'] })).leftOut).toEqual(['layer1.2.conv1.weight']);
    expect((await second.load(deeper, { strict: false })).leftOut).toEqual(['layer1.2.conv1.weight']);
    await expect(second.load(deeper, { ignore: ['layer1.2.', 'conv1.'] })).rejects.toMatchObject(
      refusal(/deeper\.safetensors: lacks 'conv1\.weight'/),
    );
    const part = await second.load(deeper, { ignore: ['conv1.'], strict: false });
    expect([part.missing, [...part.leftOut].sort()]).toEqual([
      ['conv1.weight'],
      ['conv1.weight', 'layer1.2.conv1.weight'],
    ]);
    expect(describeLoaded(part)).toMatch(
      /^\d+ tensors; missing 'conv1\.weight'; left out 'conv1\.weight', 'layer1\.2\.conv1\.weight'$/,
    );
  });

  it('say of a name what a terminal may print', async () => {
    const file = join(folder, 'odd.safetensors');
    const name = `\u001b[2J${'x'.repeat(100)}`;
    await writeFile(file, encodeSafetensors(new Map([[name, { dtype: 'U8', shape: [0], data: new Uint8Array() }]])));
    using module = small(1);
    await expect(module.load(file)).rejects.toMatchObject(refusal(/, but '\?\[2Jx+\.\.\.x+'$/));
  });

  it('ask which, where a module fits in several places', async () => {
    using first = small(1);
    const states = await rawState(first.stateDict());
    const file = join(folder, 'two.safetensors');
    const twice = ['a.', 'b.'].flatMap((prefix) =>
      [...states].map(([name, raw]) => [`${prefix}${name}`, raw] as const),
    );
    await writeFile(file, encodeSafetensors(new Map(twice)));
    using second = small(2);
    await expect(second.load(file)).rejects.toMatchObject(
      refusal("the module fits at 'a.', 'b.': choose one as prefix"),
    );
    expect(await second.load(file, { prefix: 'b.' })).toMatchObject({ prefix: 'b.' });
  });

  it('adapt a first convolution to other channels', async () => {
    using colour = small(1);
    using gray = resnet18({ stem: 'cifar', width: 2, seed: 2, inChannels: 1 });
    using five = resnet18({ stem: 'cifar', width: 2, seed: 2, inChannels: 5 });
    const file = join(folder, 'colour.safetensors');
    await colour.save(file);
    const adapted = async (module: typeof gray) => {
      const report = await module.load(file);
      return { report, weight: (await module.conv1.weight.toArray()) as number[][][][] };
    };
    const w = (await colour.conv1.weight.toArray()) as [number[][], number[][], number[][]][];
    const sum = await adapted(gray);
    expect(sum.report.adapted).toEqual([{ name: 'conv1.weight', of: 'input channels', from: 3, to: 1 }]);
    expect(describeLoaded(sum.report)).toContain("; 'conv1.weight' adapted: input channels 3 to 1");
    const many = await adapted(five);
    expect(many.report.adapted).toEqual([{ name: 'conv1.weight', of: 'input channels', from: 3, to: 5 }]);
    for (const [o, [r, g, b]] of w.entries())
      for (const y of [0, 1, 2])
        for (const x of [0, 1, 2]) {
          const at = (plane: number[][] | undefined) => plane?.[y]?.[x] as number;
          expect(at(sum.weight[o]?.[0])).toBeCloseTo(at(r) + at(g) + at(b), 6);
          for (const [c, plane] of [r, g, b, r, g].entries())
            expect(at(many.weight[o]?.[c])).toBeCloseTo((at(plane) * 3) / 5, 6);
        }
    const back = join(folder, 'five.safetensors');
    await five.save(back);
    await expect(gray.load(back)).rejects.toMatchObject(
      refusal(/'conv1\.weight' must have shape \[2,1,3,3\], got \[2,5,3,3\]/),
    );
  });

  it('interpolate positions to another grid of patches, and to no other difference', async () => {
    const options = { width: 64, patch: 4, stochasticDepth: 0 };
    using trained = vitTi16({ ...options, size: 12, seed: 1 });
    using larger = vitTi16({ ...options, size: 20, seed: 2 });
    const file = join(folder, 'vit.safetensors');
    await trained.save(file);
    const report = await larger.load(file);
    expect(report).toMatchObject({
      adapted: [{ name: 'encoder.pos_embedding', of: 'patches a side', from: 3, to: 5 }],
      missing: [],
      leftOut: [],
    });
    expect(describeLoaded(report)).toContain("; 'encoder.pos_embedding' adapted: patches a side 3 to 5");
    const images = randn([1, 3, 20, 20], { seed: 3 });
    expect(await larger.forward(images).toArray()).toEqual(await trained.forward(images).toArray());
    const wrong = (tokens: number, width: number) => ({
      dtype: 'F32' as const,
      shape: [1, tokens, width],
      data: new Uint8Array(4 * tokens * width),
    });
    const state = await rawState(trained.stateDict());
    for (const [tokens, width] of [
      [9, 64],
      [1, 64],
      [10, 32],
    ] as const) {
      await writeFile(file, encodeSafetensors(new Map([...state, ['encoder.pos_embedding', wrong(tokens, width)]])));
      await expect(larger.load(file)).rejects.toMatchObject(
        refusal(`'encoder\\.pos_embedding' must have shape \\[1,26,64\\], got \\[1,${tokens},${width}\\]`),
      );
    }
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

describe('readWeights', () => {
  it('gives tensors by name', async () => {
    const file = join(folder, 'some.safetensors');
    const data = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
    const raw = new Map<string, RawTensor>([
      ['fc.weight', { dtype: 'F32', shape: [2, 1], data: data(1, -2) }],
      ['half', { dtype: 'F16', shape: [1], data: Uint8Array.of(0, 0x3c) }],
    ]);
    await writeFile(file, encodeSafetensors(raw));
    const tensors = await readWeights(file);
    expect([...tensors.keys()].sort()).toEqual(['fc.weight', 'half']);
    expect(await tensors.get('fc.weight')?.toArray()).toEqual([[1], [-2]]);
    expect(await tensors.get('half')?.toArray()).toEqual([1]);
    for (const tensor of tensors.values()) tensor.dispose();
  });

  it('refuses no path, no file, and a type that tensors do not have', async () => {
    await expect(readWeights('')).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(readWeights(join(folder, 'none'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    const file = join(folder, 'u64.safetensors');
    await writeFile(file, encodeSafetensors(new Map([['x', { dtype: 'U64', shape: [0], data: new Uint8Array() }]])));
    await expect(readWeights(file)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(`${file}: a tensor of dtype U64`),
    });
  });
});
