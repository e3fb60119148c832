import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, type RawTensor, typedArrayOf } from '../../lib/files/safetensors.ts';
import { type TensorFile, withTensorFile } from '../../lib/files/tensor-file.ts';
import {
  archive,
  legacy,
  legacyStorage,
  type Member,
  pickle,
  stored,
  type TensorParts,
  tensorCall,
  type Written,
  zip,
} from './torch-archive.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensor-file-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Content extends Pick<TensorFile, 'others' | 'metadata'> {
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

async function contentOf(bytes: Uint8Array): Promise<Content> {
  const path = join(folder, 'a.pth');
  await writeFile(path, bytes);
  return withTensorFile(path, async ({ tensors, ...rest }) => {
    const read = new Map<string, RawTensor>();
    for (const [name, tensor] of tensors) read.set(name, await tensor.read());
    return { tensors: read, ...rest };
  });
}

async function valuesOf(bytes: Uint8Array): Promise<Record<string, unknown>> {
  const { tensors } = await contentOf(bytes);
  const entries = [...tensors].map(([name, raw]) => [name, [raw.shape, Array.from(typedArrayOf(raw), Number)]]);
  return Object.fromEntries(entries);
}

const checkpointError = (message: string | RegExp) => ({
  code: 'ERR_CHECKPOINT',
  message: expect.stringMatching(message),
});
const refuses = (bytes: Uint8Array, message: string | RegExp) =>
  expect(contentOf(bytes)).rejects.toMatchObject(checkpointError(message));

/** As make_weights.py fills tensors. */
const filled = (count: number, number: number): number[] =>
  Array.from({ length: count }, (_, i) => (((number * 31 + i * 7) % 64) - 32) / 32);

describe("a file of PyTorch's torch.save()", () => {
  it.each(['kinds', 'kinds-legacy'])('has tensors of every type, contiguous or not: %s', async (name) => {
    const { tensors, others } = await contentOf(stored(`${name}.pth`));
    const dtypes = [...tensors].slice(0, 10).map(([name, { dtype }]) => [name, dtype]);
    expect(Object.fromEntries(dtypes)).toEqual({
      ...{ float64: 'F64', float32: 'F32', float16: 'F16', bfloat16: 'BF16', int64: 'I64', int32: 'I32', int16: 'I16' },
      ...{ int8: 'I8', uint8: 'U8', bool: 'BOOL' },
    });
    expect(others).toEqual([
      ...['epoch (numpy._core.multiarray.scalar)', 'best (numpy._core.multiarray.scalar)'],
      ...['array (numpy._core.multiarray._reconstruct)', 'opt (argparse.Namespace)'],
      ...['sparse (torch._utils._rebuild_sparse_tensor)', 'uint16 (torch._utils._rebuild_tensor_v3)'],
      'set (__builtin__.set)',
    ]);
    const values = await valuesOf(stored(`${name}.pth`));
    const tied = filled(12, 1);
    const at = (rows: number[], columns: number[]) => rows.flatMap((row) => columns.map((c) => tied[3 * row + c]));
    expect(values).toMatchObject({
      float64: [[3], [-5, 2, 9]],
      float16: [[3], [0xc500, 0x4000, 0x4880]],
      bfloat16: [[3], [0xc0a0, 0x4000, 0x4110]],
      int64: [[3], [-5, 2, 9]],
      int8: [[3], [-5, 2, 9]],
      bool: [[3], [1, 1, 1]],
      scalar: [[], [2.5]],
      empty: [[0, 3], []],
      transposed: [[3, 4], [0, 1, 2].flatMap((column) => at([0, 1, 2, 3], [column]))],
      part: [[2, 2], at([1, 2], [1, 2])],
      channels_last: [[2, 3, 2, 2], filled(24, 4)],
      expanded: [
        [2, 2],
        [1.5, 1.5, 1.5, 1.5],
      ],
      parameter: [[2], filled(2, 2)],
      attributed: [[3], filled(3, 3)],
      'list.0': [[1], [1]],
      'list.1.inner': [[2], [1, 1]],
      'list.2.0': [[1], [0]],
    });
  });

  it('has the tensors of dicts in dicts under joined names', async () => {
    const value = {
      dict: [
        [
          'a',
          {
            dict: [
              ['b', tensorCall()],
              [3, [tensorCall({ offset: 1, shape: [1] })]],
            ],
          },
        ],
      ],
    } as const;
    expect(await valuesOf(archive(value))).toEqual({ 'a.b': [[2], [1, 2]], 'a.3.0': [[1], [2]] });
    expect(await valuesOf(archive(tensorCall()))).toEqual({ '': [[2], [1, 2]] });
  });

  it('is told from others by its content', async () => {
    const raw = new Map<string, RawTensor>([['x', { dtype: 'U8', shape: [1], data: Uint8Array.of(7) }]]);
    const { tensors, metadata, others } = await contentOf(encodeSafetensors(raw, { format: 'pt' }));
    expect([[...tensors.keys()], metadata, others]).toEqual([['x'], { format: 'pt' }, []]);
    await refuses(
      stored('module.pth'),
      /a\.pth: data\.pkl: holds no tensors, but torch\.nn\.modules\.linear\.Linear; save/,
    );
    await refuses(archive(tensorCall(), [['net/constants.pkl', '']]), 'is a program of torch.jit.save()');
    await refuses(stored('protocol-4.pth'), 'has protocol 4');
    await refuses(zip([['a.npy', 'x']]), 'is a zip archive, but none of torch.save()');
    await refuses(zip([...['a', 'b'].map((name) => [`${name}/data.pkl`, 'x'] as const)]), 'none of torch.save()');
    await refuses(Uint8Array.of(), "must be a file of weights, safetensors or PyTorch's .pth, got 0 bytes");
    await expect(withTensorFile(join(folder, 'none'), async () => 1)).rejects.toMatchObject(checkpointError('ENOENT'));
    await expect(withTensorFile(folder, async () => 1)).rejects.toMatchObject(checkpointError('cannot be read'));
  });

  it.each<[string, TensorParts, string | RegExp]>([
    ['a storage that is not there', { key: '1' }, "tensor 'x': the file lacks its storage"],
    ['a storage outside its folder', { key: '../data.pkl' }, 'lacks its storage'],
    ['a storage without a name', { key: 7 }, 'its storage is of a kind that is not known'],
    ['an unknown type', { type: 'torch.ComplexFloatStorage' }, 'not known, torch.ComplexFloatStorage'],
    ['a type by an inherited name', { type: 'constructor.name' }, 'not known, constructor.name'],
    ['a storage of another length', { count: 3 }, 'its storage must have 3 values of 4 bytes, got 8 bytes'],
    ['a storage of no length', { count: null }, 'must have null values'],
    ['values of another size', { type: 'torch.DoubleStorage' }, 'must have 2 values of 8 bytes'],
    ['a negative size', { shape: [-1] }, 'its shape must be'],
    ['no shape', { shape: null }, 'its shape must be'],
    ['a shape that overflows', { shape: [2 ** 30, 2 ** 30], stride: [0, 0] }, 'its shape must be'],
    [
      'too many dimensions',
      { shape: new Array<number>(65).fill(1), stride: new Array<number>(65).fill(1) },
      'its shape must be',
    ],
    ['a fraction for an offset', { offset: 0.5 }, 'its offset and strides must be'],
    ['a negative offset', { offset: -1 }, 'its offset and strides must be'],
    ['a negative stride', { offset: 1, stride: [-1] }, 'its offset and strides must be'],
    ['strides of another rank', { stride: [1, 1] }, 'its offset and strides must be'],
    ['a shape beyond its storage', { shape: [3] }, 'reaches to value 3 of a storage of 2'],
    ['strides beyond its storage', { stride: [2] }, 'reaches to value 3 of a storage of 2'],
    ['an offset beyond its storage', { offset: 1 }, 'reaches to value 3 of a storage of 2'],
    ['an offset of nothing beyond its storage', { offset: 3, shape: [0] }, 'reaches to value 3'],
    ['strides that overflow', { shape: [2, 2], stride: [9e15, 9e15] }, 'reaches to value 18'],
    [
      'more values than a file can have',
      { shape: [2 ** 25], stride: [0] },
      /must have at most 67108864 bytes in a file of \d+, got 134217728/,
    ],
  ])('is refused with %s', async (_, parts, message) => {
    await refuses(archive({ dict: [['x', tensorCall(parts)]] }), message);
  });

  it('is refused whose values are nested, many or long beyond reason, whatever is shared', async () => {
    const nested = (depth: number): Written => (depth === 0 ? tensorCall() : [nested(depth - 1)]);
    expect(Object.keys(await valuesOf(archive(nested(32))))).toEqual([new Array(32).fill('0').join('.')]);
    await refuses(archive(nested(33)), 'nested deeper than 32');
    // A pair of a pair of …, each kept once: 2^30 values in 200 bytes.
    const pair = (i: number) => [0x71, i, 0x68, i, 0x86];
    const bomb = Array.from({ length: 30 }, (_, i) => pair(i)).flat();
    await refuses(archive({ raw: [0x4b, 1, ...bomb] }), 'holds more than 500000 values');
    const object = [...Buffer.from('ca\nb\n'), 0x29, 0x52, 0x71, 0];
    const recalled = new Array<number[]>(20_002).fill([0x68, 0]).flat();
    await refuses(archive({ raw: [...object, 0x5d, 0x28, ...recalled, 0x65] }), 'holds more than 20000 tensors');
    const crowd = Array.from({ length: 20_000 }, (_, i) => [`net/data/${i + 1}`, ''] as const);
    await refuses(archive(tensorCall(), crowd), 'must have at most 20000 members, got 20002');
    // A list of 100 000 values, given to 100 000 calls.
    const list = [0x5d, 0x71, 0, 0x28, ...new Array<number>(100_000).fill(0x4e), 0x65];
    const name = [...Buffer.from('ccollections\nOrderedDict\n'), 0x71, 1];
    const calls = new Array<number[]>(100_000).fill([0x68, 1, 0x68, 0, 0x85, 0x52]).flat();
    await refuses(archive({ raw: [...list, ...name, ...calls] }), 'holds no tensors');
    // A list that is in itself.
    await refuses(archive({ raw: [0x5d, 0x71, 0, 0x68, 0, 0x61] }), 'nested deeper than 32');
    await refuses(archive({ dict: [['n'.repeat(257), tensorCall()]] }), 'names must have at most 256 characters');
    await refuses(
      archive({
        dict: [
          ['a', { dict: [['b', tensorCall()]] }],
          ['a.b', tensorCall()],
        ],
      }),
      "two tensors are named 'a.b'",
    );
  });

  it('is refused whose archive is damaged, or made to look larger than it is', async () => {
    const value: Written = { dict: [['x', tensorCall()]] };
    const whole = archive(value);
    expect(await valuesOf(whole)).toEqual({ x: [[2], [1, 2]] });
    await refuses(whole.subarray(0, -1), 'is a damaged zip archive');
    await refuses(whole.subarray(0, 60), 'is a damaged zip archive');
    await refuses(archive(value, [['net/data/0', 'twice']]), 'has two members of one name');
    await refuses(archive(value, [['net/byteorder', 'big']]), "must be little-endian, got 'big'");
    await refuses(archive(value, [['../x', '']]), 'is a damaged zip archive: invalid relative path');
    const members: Member[] = [
      ['net/data.pkl', pickle(value)],
      ['net/data/0', new Uint8Array(8)],
      ['net/data/1', new Uint8Array(8)],
    ];
    const overlap = zip(
      members,
      (entry, name) => name.endsWith('1') && entry.setUint32(42, entry.getUint32(42, true) - 8, true),
    );
    await refuses(overlap, /is a damaged zip archive: invalid local file header|members of the zip archive overlap/);
    const same = zip(members, (entry, name) => name.endsWith('1') && entry.setUint32(42, 0, true));
    await refuses(same, 'members of the zip archive overlap at byte 0');
    const compressed = zip(members, (entry, name) => name.endsWith('0') && entry.setUint16(10, 8, true));
    await refuses(compressed, 'the file lacks its storage');
    const encrypted = zip(members, (entry, name) => name.endsWith('0') && entry.setUint16(8, 1, true));
    await refuses(encrypted, 'is a damaged zip archive');
  });

  it.each([2n ** 64n - 1n, 2n ** 53n, 1n << 40n])(
    'is refused whose directory is said to begin at byte %i',
    async (at) => {
      const whole = archive({ dict: [['x', tensorCall()]] });
      const locator = Buffer.alloc(20); // of ZIP64, before the end of the archive
      locator.writeUInt32LE(0x07064b50);
      locator.writeBigUInt64LE(at, 8);
      const end = whole.length - 22;
      const far = Buffer.concat([whole.subarray(0, end), locator, whole.subarray(end)]);
      await refuses(far, /is a damaged zip archive: it names byte \d+(e\+\d+)? of \d+/);
    },
  );
});

describe("a file of PyTorch's torch.save() before 1.6", () => {
  const x = { dict: [['x', tensorCall()]] } as const;

  it('has its storages behind the pickles, in the order of the keys', async () => {
    expect(await valuesOf(legacy(x))).toEqual({ x: [[2], [1, 2]] });
    const value: Written = { dict: [...x.dict, ['y', tensorCall({ key: '1', count: 1, shape: [1] })]] };
    const storages = Buffer.concat([legacyStorage(1n, 3), legacyStorage(2n, 4, 5), Buffer.from('more')]);
    expect(await valuesOf(legacy(value, { keys: ['1', '0'], storages }))).toEqual({ x: [[2], [4, 5]], y: [[1], [3]] });
  });

  it('may be of Python 2, which gives the items of an OrderedDict to the call, and of parameters', async () => {
    const key = [0x55, 1, 0x78]; // a short string, 'x'
    const parameter = { call: 'torch.nn.parameter.Parameter', args: [tensorCall()] };
    const value = { call: 'collections.OrderedDict', args: [[[{ raw: key }, parameter]]] };
    expect(await valuesOf(legacy(value))).toEqual({ x: [[2], [1, 2]] });
  });

  it('is refused with a whole module, of which it holds the source', async () => {
    const linear = { persistent: ['module', { name: 'net.Linear' }, 'net.py', 'class Linear'] };
    const module = Buffer.concat([pickle(linear).subarray(2, -1), Buffer.of(0x29, 0x81)]); // its making
    await refuses(
      legacy({ raw: [...module] }, { keys: [], storages: Buffer.of() }),
      'holds no tensors, but net.Linear',
    );
  });

  it.each<[string, Buffer, string | RegExp]>([
    ['another version', legacy(x, { version: 1002 }), 'has another version than 1001'],
    ['big-endian values', legacy(x, { system: { dict: [['little_endian', false]] } }), 'must be little-endian'],
    ['no system', legacy(x, { system: null }), 'must be little-endian'],
    ['no list of storages', legacy(x, { keys: null }), 'must have a list of at most 20000 storages'],
    ['too many storages', legacy(x, { keys: new Array<string>(20_001).fill('0') }), 'at most 20000 storages'],
    ['a storage without a tensor', legacy(x, { keys: ['1'] }), 'storage 0 of 1 is of no tensor'],
    ['a storage twice', legacy(x, { keys: ['0', '0'] }), 'storage 1 of 2 is of no tensor, or listed before'],
    ['a tensor without a storage', legacy(x, { keys: [] }), "tensor 'x': the file lacks its storage"],
    [
      'a storage of another length',
      legacy(x, { storages: legacyStorage(1n, 1) }),
      'must have 2 values of 4 bytes, got 4',
    ],
    ['a storage that is cut off', legacy(x).subarray(0, -1), /storage 0 of 1 ends at byte \d+ of \d+; truncated/],
    ['a storage beyond reason', legacy(x, { storages: legacyStorage(2n ** 64n - 1n, 1) }), /ends at byte \d+ of \d+;/],
    ['no storages', legacy(x, { storages: Buffer.of() }), 'truncated'],
    ['a pickle that is cut off', legacy(x).subarray(0, 18), 'ends in the middle'],
    [
      'a storage of an unknown type',
      legacy({ dict: [['x', tensorCall({ type: 'torch.ComplexFloatStorage' })]] }),
      'holds a storage of a kind that is not known, torch.ComplexFloatStorage',
    ],
    [
      'a part of a storage',
      legacy({ persistent: ['storage', { name: 'torch.FloatStorage' }, '0', 'cpu', 2, ['1', 0, 1]] }),
      'holds a storage that is a part of another one',
    ],
  ])('is refused with %s', async (_, bytes, message) => {
    await refuses(bytes, message);
  });
});
