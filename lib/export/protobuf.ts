/**
 * The part of Protocol Buffers' wire format that ONNX files need: varints, 32-bit floats, and what carries its length.
 * Source: https://protobuf.dev/programming-guides/encoding/
 *
 * A message is a list of chunks, so that the weights inside it are never copied while it grows around them.
 */
import { types } from 'node:util';
export type Message = readonly Uint8Array[];

const kVarint = 0;
const kLengthDelimited = 2;
const kFixed32 = 5;

/** Seven bits a byte, the lowest first; negative integers as two's complement of 64 bits. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
  bytes.push(Number(rest));
  return bytes;
}

const tag = (field: number, wireType: number): number[] => varint(field * 8 + wireType);

export const byteLength = (message: Message): number => message.reduce((sum, { byteLength: n }) => sum + n, 0);

/** An integer or an enum: -2^53 to 2^53. */
export const integer = (field: number, value: number): Message => [
  Uint8Array.from([...tag(field, kVarint), ...varint(value)]),
];

export const float = (field: number, value: number): Message => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [Uint8Array.from([...tag(field, kFixed32), ...bytes])];
};

/** A string, bytes (kept, not copied), or a message inside a message. */
export function delimited(field: number, value: string | Uint8Array | Message): Message {
  const content = typeof value === 'string' ? [Buffer.from(value)] : types.isUint8Array(value) ? [value] : value;
  return [Uint8Array.from([...tag(field, kLengthDelimited), ...varint(byteLength(content))]), ...content];
}
