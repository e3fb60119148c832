import { describe, expect, it } from 'vitest';
import { encodeModel, kLargestModel, type OnnxModel } from '../../lib/export/onnx-model.ts';
import { byteLength, delimited, float, integer } from '../../lib/export/protobuf.ts';

const hex = (message: readonly Uint8Array[]): string => Buffer.concat(message).toString('hex');

describe('the wire format', () => {
  it('is that of the examples in its specification', () => {
    expect(hex(integer(1, 150))).toBe('089601');
    expect(hex(delimited(2, 'testing'))).toBe('120774657374696e67');
    expect(hex(delimited(3, integer(1, 150)))).toBe('1a03089601');
  });

  it('takes integers above 2^32, fields above 15, floats, and texts in UTF-8', () => {
    expect(hex(integer(1, 2 ** 31))).toBe('088080808008');
    expect(hex(integer(1, 2 ** 40 + 1))).toBe('08818080808020');
    expect(hex(integer(1, 0))).toBe('0800');
    expect(hex(integer(20, 1))).toBe('a00101');
    expect(hex(integer(1, -2))).toBe('08feffffffffffffffff01');
    expect(hex(float(2, 1e-5))).toBe('15acc52737'); // 0x3727c5ac, little-endian
    expect(hex(delimited(1, 'é'))).toBe('0a02c3a9');
  });

  it('keeps weights as they are, without a copy', () => {
    const weights = new Uint8Array(1000);
    const message = delimited(1, delimited(2, weights));
    expect(message.at(-1)).toBe(weights);
    expect([byteLength(message), hex(message.slice(0, 2))]).toEqual([1006, '0aeb0712e807']);
  });
});

describe('a model', () => {
  const data = new Float32Array(2 ** 20);
  const constants = Array.from({ length: 512 }, (_, i) => ({
    name: `w${i}`,
    dtype: 'float32' as const,
    shape: [2 ** 20],
    data,
  }));
  const value = { name: 'x', dtype: 'float32', shape: [1] } as const;
  const model = { input: value, output: value, nodes: [], metadata: {}, producer: { name: 'p', version: '0' } };

  it('of 2 GB is refused: the format ends there', () => {
    const large: OnnxModel = { ...model, constants };
    expect(() => encodeModel(large)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/at most 2147483647 bytes, got 21474\d{5}/),
      }),
    );
    expect(byteLength(encodeModel({ ...large, constants: constants.slice(1) }))).toBeLessThan(kLargestModel);
  });
});
