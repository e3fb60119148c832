/** Files as torch.save() writes them, made by hand: whole ones, and such as nobody would write. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** A file that test/fixtures/make_weights.py wrote. */
export const stored = (name: string): Buffer =>
  gunzipSync(readFileSync(fileURLToPath(new URL(`../fixtures/nn/weights/${name}.gz`, import.meta.url))));

export type Member = readonly [name: string, content: Uint8Array | string];

/** A zip archive without compression. @param change of the fields of a member's entry in the directory. */
export function zip(members: readonly Member[], change: (entry: DataView, name: string) => void = () => {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of members) {
    const [title, data] = [Buffer.from(name), Buffer.from(content)];
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(title.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(title.length, 28);
    entry.writeUInt32LE(at, 42);
    change(new DataView(entry.buffer, entry.byteOffset, entry.length), name);
    parts.push(header, title, data);
    directory.push(entry, title);
    at += header.length + title.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** What `pickle` writes: plain values, and what stands for the rest. */
export type Written =
  | null
  | boolean
  | number
  | string
  | readonly Written[]
  | { readonly dict: readonly (readonly [Written, Written])[] }
  | { readonly call: string; readonly args: readonly Written[] }
  | { readonly name: string }
  | { readonly persistent: Written }
  | { readonly raw: readonly number[] };

const uint32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
const bytesOf = (text: string): number[] => [...Buffer.from(text)];

function instructions(value: Written): number[] {
  if (value === null) return [0x4e];
  if (typeof value === 'boolean') return [value ? 0x88 : 0x89];
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? int(value) : float(value);
  if (typeof value === 'string') return [0x58, ...uint32(bytesOf(value).length), ...bytesOf(value)];
  if ('dict' in value) return [0x7d, 0x28, ...value.dict.flat().flatMap(instructions), 0x75];
  if ('call' in value) return [...instructions({ name: value.call }), ...instructions(value.args), 0x52];
  if ('name' in value) {
    const dot = value.name.lastIndexOf('.');
    return [0x63, ...bytesOf(`${value.name.slice(0, dot)}\n${value.name.slice(dot + 1)}\n`)];
  }
  if ('persistent' in value) return [...instructions(value.persistent), 0x51];
  if ('raw' in value) return [...value.raw];
  return [0x28, ...value.flatMap(instructions), 0x74];
}

const int = (value: number): number[] => [0x4a, ...uint32(value >>> 0)];
function float(value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return [0x47, ...bytes];
}

/** A pickle of protocol 2. */
export const pickle = (value: Written): Uint8Array => Uint8Array.from([0x80, 2, ...instructions(value), 0x2e]);

export interface TensorParts {
  readonly key?: Written;
  readonly type?: string;
  /** Values of the storage. */
  readonly count?: Written;
  readonly offset?: Written;
  readonly shape?: Written;
  readonly stride?: Written;
}

/** A tensor of two float32 values, unless `parts` say otherwise. */
export const tensorCall = (parts: TensorParts = {}): Written => {
  const { key = '0', type = 'torch.FloatStorage', count = 2, offset = 0, shape = [2], stride = [1] } = parts;
  const storage = { persistent: ['storage', { name: type }, key, 'cpu', count] };
  const hooks = { call: 'collections.OrderedDict', args: [] };
  return { call: 'torch._utils._rebuild_tensor_v2', args: [storage, offset, shape, stride, false, hooks] };
};

/** An archive of a pickle, beside storages of two float32 values, 1 and 2. */
export const archive = (value: Written, more: readonly Member[] = []): Buffer =>
  zip([['net/data.pkl', pickle(value)], ['net/data/0', new Uint8Array(Float32Array.of(1, 2).buffer)], ...more]);

/** How a file of PyTorch before 1.6 begins, but for the stop of its first pickle. */
const magic = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

export interface LegacyParts {
  readonly version?: Written;
  readonly system?: Written;
  readonly keys?: Written;
  /** What stands behind the pickles; default: storage '0' of two float32 values, 1 and 2. */
  readonly storages?: Uint8Array;
}

/** A storage of a file of PyTorch before 1.6. */
export const legacyStorage = (count: bigint, ...values: readonly number[]): Uint8Array =>
  Buffer.concat([Buffer.from(BigUint64Array.of(count).buffer), Buffer.from(Float32Array.from(values).buffer)]);

/** A file of PyTorch before 1.6. */
export function legacy(value: Written, parts: LegacyParts = {}): Buffer {
  const { version = 1001, system = { dict: [['little_endian', true]] } } = parts;
  const { keys = ['0'], storages = legacyStorage(2n, 1, 2) } = parts;
  return Buffer.concat([...[{ raw: magic }, version, system, value, keys].map(pickle), storages]);
}
