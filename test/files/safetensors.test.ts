import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type RawTensor,
  type SafetensorsDType,
  typedArrayOf,
} from '../../lib/files/safetensors.ts';
import { referenceMetadata, referenceTensors } from '../fixtures/checkpoint/reference-content.ts';

const reference = fileURLToPath(new URL('../fixtures/checkpoint/python.safetensors', import.meta.url));

const sizes: Record<SafetensorsDType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** A file of this header text (not padded) and these data bytes. */
function fileOf(header: string | Uint8Array, data = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function failure(run: () => unknown): CheckpointError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).code).toBe('ERR_CHECKPOINT');
    return error as CheckpointError;
  }
  throw new Error('expected a CheckpointError');
}

describe('the reference implementation', () => {
  it('is read: every dtype, a scalar, an empty tensor, names with escapes, metadata', async () => {
    const { tensors, metadata } = decodeSafetensors(await readFile(reference), reference);
    const expected = referenceTensors();
    expect(metadata).toEqual(referenceMetadata);
    expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { dtype, shape, data }] of expected) {
      const got = tensors.get(name) as RawTensor;
      expect([name, got.dtype, got.shape, Buffer.from(got.data)]).toEqual([name, dtype, shape, Buffer.from(data)]);
    }
    expect(typedArrayOf(tensors.get('all.F32') as RawTensor)).toEqual(Float32Array.of(-2, -1, 0, 1, 2, 3));
    expect(typedArrayOf(tensors.get('all.I64') as RawTensor)).toEqual(BigInt64Array.of(-2n, -1n, 0n, 1n, 2n, 3n));
  });
});

describe('encodeSafetensors', () => {
  it('pads the header and aligns every tensor to its values', () => {
    const { tensors } = decodeSafetensors(encodeSafetensors(referenceTensors(), referenceMetadata));
    for (const [name, { dtype, data }] of tensors) expect([name, data.byteOffset % sizes[dtype]]).toEqual([name, 0]);
  });

  it('gives the same bytes whatever the order of insertion', () => {
    const forwards = referenceTensors();
    const backwards = new Map([...forwards].reverse());
    expect(encodeSafetensors(backwards, { b: '2', a: '1' })).toEqual(encodeSafetensors(forwards, { a: '1', b: '2' }));
  });

  it('writes an empty file that reads back', () => {
    const { tensors, metadata } = decodeSafetensors(encodeSafetensors(new Map()));
    expect([tensors.size, metadata]).toEqual([0, {}]);
  });

  it('keeps names that objects treat specially', () => {
    const scalar: RawTensor = { dtype: 'U8', shape: [], data: Uint8Array.of(7) };
    const names = ['__proto__', 'constructor', '10', '9', ''];
    const { tensors } = decodeSafetensors(encodeSafetensors(new Map(names.map((name) => [name, scalar]))));
    expect([...tensors.keys()].sort()).toEqual([...names].sort());
  });

  it.each([
    ['an unknown dtype', { dtype: 'F8' as SafetensorsDType, shape: [1], data: new Uint8Array(1) }, /'x': dtype must/],
    ['a negative size', { dtype: 'F32', shape: [-1], data: new Uint8Array(4) }, /'x': shape must/],
    ['a fractional size', { dtype: 'F32', shape: [0.5], data: new Uint8Array(2) }, /'x': shape must/],
    ['data of another length', { dtype: 'F32', shape: [2], data: new Uint8Array(4) }, /needs 8 bytes, got 4 bytes/],
    ['data of another type', { dtype: 'F32', shape: [1], data: [0] as unknown as Uint8Array }, /an array of 1/],
  ] satisfies [string, RawTensor, RegExp][])('refuses %s', (_, tensor, message) => {
    expect(failure(() => encodeSafetensors(new Map([['x', tensor]]))).message).toMatch(message);
  });

  it('refuses the reserved name and metadata that are not strings', () => {
    const scalar: RawTensor = { dtype: 'U8', shape: [], data: Uint8Array.of(7) };
    expect(failure(() => encodeSafetensors(new Map([['__metadata__', scalar]]))).message).toMatch(/reserved/);
    const metadata = { step: 3 } as unknown as Record<string, string>;
    expect(failure(() => encodeSafetensors(new Map(), metadata)).message).toMatch(/'step' must be a string/);
  });
});

describe('decodeSafetensors on hostile input', () => {
  const entry = (dtype: string, shape: string, begin: number, end: number): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /at least 8 bytes, got 0/],
    ['less than a header length', new Uint8Array(7), /at least 8 bytes, got 7/],
    ['a header length of 2^64 - 1', new Uint8Array(16).fill(255), /header length must be at most 8/],
    ['a header longer than the file', fileOf('{}', 0, 3n), /header length must be at most 2, got 3/],
    ['no header', fileOf('', 0), /must begin with '\{'/],
    ['a header that is an array', fileOf('[]'), /must begin with '\{'/],
    ['a header that begins with a space', fileOf(' {}'), /must begin with '\{'/],
    ['broken JSON', fileOf('{"a":'), /header is not valid/],
    ['an unfinished string', fileOf(`{"${'\\"'.repeat(50_000)}`), /header is not valid/],
    ['bad UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /header is not valid/],
    ['deep nesting', fileOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /nested deeper than 3/],
    [
      'a name twice',
      fileOf(`{"a":${entry('U8', '[0]', 0, 0)},"\\u0061":${entry('U8', '[0]', 0, 0)}}`),
      /'a' occurs twice/,
    ],
    ['a field twice', fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /'dtype' occurs/],
    ['a tensor that is no object', fileOf('{"a":3}'), /tensor 'a' must have exactly/],
    ['a missing field', fileOf('{"a":{"dtype":"U8","shape":[0]}}'), /tensor 'a' must have exactly/],
    ['an extra field', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}'), /exactly/],
    ['an unknown dtype', fileOf(`{"a":${entry('F7', '[0]', 0, 0)}}`), /tensor 'a': dtype must be one of .* got 'F7'/],
    ['an inherited dtype', fileOf(`{"a":${entry('toString', '[0]', 0, 0)}}`), /tensor 'a': dtype must be one of/],
    ['a shape that is no array', fileOf(`{"a":${entry('U8', '3', 0, 3)}}`, 3), /tensor 'a': shape must/],
    ['a negative size', fileOf(`{"a":${entry('U8', '[-1,-3]', 0, 3)}}`, 3), /tensor 'a': shape must/],
    [
      'a shape that overflows 2^64 to 0',
      fileOf(`{"a":${entry('F32', '[4294967296,4294967296]', 0, 0)}}`),
      /shape must/,
    ],
    ['a size beyond 2^53', fileOf(`{"a":${entry('U8', '[9007199254740993]', 0, 0)}}`), /shape must/],
    ['too many dimensions', fileOf(`{"a":${entry('U8', `[${Array(65).fill(1)}]`, 0, 1)}}`, 1), /shape must/],
    ['offsets that are not a pair', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'), /two non-negative/],
    ['offsets that run back', fileOf(`{"a":${entry('U8', '[1]', 2, 1)}}`, 2), /span -1/],
    ['offsets that do not fit the shape', fileOf(`{"a":${entry('F32', '[2]', 0, 4)}}`, 4), /needs 8 bytes, .* span 4/],
    ['an end beyond the file', fileOf(`{"a":${entry('U8', '[9]', 0, 9)}}`, 8), /ends at offset 9 of 8 bytes/],
    ['a hole at the start', fileOf(`{"a":${entry('U8', '[1]', 1, 2)}}`, 2), /begin at offset 0, got 1: .*hole/],
    [
      'a hole between',
      fileOf(`{"a":${entry('U8', '[1]', 0, 1)},"b":${entry('U8', '[1]', 2, 3)}}`, 3),
      /tensor 'b' must begin at offset 1, got 2: .*hole/,
    ],
    [
      'an overlap',
      fileOf(`{"a":${entry('U8', '[2]', 0, 2)},"b":${entry('U8', '[2]', 1, 3)}}`, 3),
      /tensor 'b' must begin at offset 2, got 1: .*overlap/,
    ],
    ['bytes left over', fileOf(`{"a":${entry('U8', '[1]', 0, 1)}}`, 2), /expected 1 bytes of data, got 2/],
    ['metadata that are not strings', fileOf('{"__metadata__":{"a":1}}'), /__metadata__ must map names to strings/],
  ])('refuses %s', (_, bytes, message) => {
    const error = failure(() => decodeSafetensors(bytes, 'evil.safetensors'));
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^evil\.safetensors: /);
  });

  it('refuses a header longer than 100 MB even when the file has it', () => {
    const bytes = new Uint8Array(8 + 100_000_001);
    new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
    expect(failure(() => decodeSafetensors(bytes)).message).toMatch(/at most 100000000/);
  });

  it('refuses a name with many escapes in linear time: in that of their square the test would not end', () => {
    failure(() => decodeSafetensors(fileOf(`{${'"\\"'.repeat(3_000_000)}`)));
  });

  it('accepts an empty tensor between others and tensors in any order', () => {
    const header = `{"b":${entry('U8', '[1]', 1, 2)},"e":${entry('F64', '[0,3]', 1, 1)},"a":${entry('U8', '[1]', 0, 1)}}`;
    expect([...decodeSafetensors(fileOf(header, 2)).tensors.keys()]).toEqual(['b', 'e', 'a']);
  });

  it('never throws anything else, whatever byte of a good file changes', () => {
    const good = encodeSafetensors(referenceTensors(), referenceMetadata);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, cut) => {
        const bytes = good.slice();
        bytes[at] = value;
        for (const input of [bytes, bytes.subarray(0, cut)])
          try {
            decodeSafetensors(input);
          } catch (error) {
            expect(error).toBeInstanceOf(CheckpointError);
          }
      }),
      { numRuns: 500 },
    );
  });
});

describe('round trip', () => {
  const tensor = fc
    .tuple(fc.constantFrom(...(Object.keys(sizes) as SafetensorsDType[])), fc.array(fc.nat(4), { maxLength: 4 }))
    .chain(([dtype, shape]) => {
      const length = shape.reduce((product, size) => product * size, sizes[dtype]);
      return fc.uint8Array({ minLength: length, maxLength: length }).map((data): RawTensor => ({ dtype, shape, data }));
    });
  const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__metadata__');

  it('gives back every name, dtype, shape, byte and metadatum', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, tensor), { maxLength: 8 }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        (entries, metadata) => {
          const tensors = new Map(entries);
          const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
          expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
          expect(decoded.tensors.size).toBe(tensors.size);
          for (const [key, { dtype, shape, data }] of tensors) {
            const got = decoded.tensors.get(key) as RawTensor;
            expect([got.dtype, got.shape, Buffer.from(got.data)]).toEqual([dtype, shape, Buffer.from(data)]);
          }
        },
      ),
    );
  });

  it('gives typed arrays also from bytes that are not aligned', () => {
    const encoded = encodeSafetensors(referenceTensors());
    const shifted = new Uint8Array(encoded.length + 1);
    shifted.set(encoded, 1);
    const { tensors } = decodeSafetensors(shifted.subarray(1));
    expect(typedArrayOf(tensors.get('all.F64') as RawTensor)).toEqual(Float64Array.of(-2, -1, 0, 1, 2, 3));
    expect(typedArrayOf(tensors.get('all.BOOL') as RawTensor)).toEqual(Uint8Array.of(0, 1, 0, 1, 0, 1));
  });

  it('copies from a file whose header is no multiple of the values, of which a Buffer gives a view', () => {
    const header = '{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}'; // 55 characters
    const bytes = Buffer.alloc(8 + header.length + 16);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    bytes.writeDoubleLE(1.5, 63);
    bytes.writeDoubleLE(-2, 71);
    const { tensors } = decodeSafetensors(bytes);
    expect(typedArrayOf(tensors.get('x') as RawTensor)).toEqual(Float64Array.of(1.5, -2));
  });
});
