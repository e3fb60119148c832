/**
 * An ONNX model as plain data, and as bytes. The numbers are those of the fields and enums of onnx.proto, which ONNX never
 * changes. Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { OptionError } from '../errors.ts';
import type { DType, TypedArray } from '../native/addon.ts';
import { byteLength, delimited, float, integer, type Message } from './protobuf.ts';

export interface Constant {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Integers, a text, or a float where the operator wants one. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  /** Also the node's own name. */
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface ValueInfo {
  readonly name: string;
  readonly dtype: 'float32' | 'uint8';
  /** A size, or the name of one that each call chooses. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly producer: { readonly name: string; readonly version: string };
  readonly input: ValueInfo;
  readonly output: ValueInfo;
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Operator set 17 of June 2022, and the version of the format that came with it: all current runtimes read both. */
export const kOpset = 17;
const kIrVersion = 8;

/** Protocol Buffers' own limit. Above it ONNX keeps weights in files beside the model, which is not done here. */
export const kLargestModel = 2 ** 31 - 1;

/** TensorProto.DataType. */
export const elementTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};
const attributeTypes = { float: 1, integer: 2, text: 3, integers: 7 } as const;

const all = (messages: Iterable<Message>): Message => [...messages].flat();

function attribute(name: string, value: Attribute): Message {
  const named = delimited(1, name);
  if (typeof value === 'number') return all([named, integer(3, value), integer(20, attributeTypes.integer)]);
  if (typeof value === 'string') return all([named, delimited(4, value), integer(20, attributeTypes.text)]);
  if ('float' in value) return all([named, float(2, value.float), integer(20, attributeTypes.float)]);
  return all([named, ...value.map((each) => integer(8, each)), integer(20, attributeTypes.integers)]);
}

const node = ({ op, inputs, output, attributes }: Node): Message =>
  all([
    ...inputs.map((input) => delimited(1, input)),
    delimited(2, output),
    delimited(3, output),
    delimited(4, op),
    ...Object.entries(attributes).map(([name, value]) => delimited(5, attribute(name, value))),
  ]);

const constant = ({ name, dtype, shape, data }: Constant): Message =>
  all([
    ...shape.map((size) => integer(1, size)),
    integer(2, elementTypes[dtype]),
    delimited(8, name),
    delimited(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);

function valueInfo({ name, dtype, shape }: ValueInfo): Message {
  const sizes = shape.map((size) => delimited(1, typeof size === 'number' ? integer(1, size) : delimited(2, size)));
  const tensor = all([integer(1, elementTypes[dtype]), delimited(2, all(sizes))]);
  return all([delimited(1, name), delimited(2, delimited(1, tensor))]);
}

const metadataEntry = ([key, value]: [string, string]): Message => all([delimited(1, key), delimited(2, value)]);

/**
 * The bytes of the file, in pieces.
 * @throws {OptionError} more than `limit` bytes.
 */
export function encodeModel(model: OnnxModel, limit = kLargestModel): Message {
  const { producer, input, output, nodes, constants, metadata } = model;
  const graph = all([
    ...nodes.map((each) => delimited(1, node(each))),
    delimited(2, 'contrastive'),
    ...constants.map((each) => delimited(5, constant(each))),
    delimited(11, valueInfo(input)),
    delimited(12, valueInfo(output)),
  ]);
  const bytes = all([
    integer(1, kIrVersion),
    delimited(2, producer.name),
    delimited(3, producer.version),
    delimited(7, graph),
    delimited(8, integer(2, kOpset)),
    ...Object.entries(metadata).map((entry) => delimited(14, metadataEntry(entry))),
  ]);
  const size = byteLength(bytes);
  if (size > limit)
    throw new OptionError(
      `encoder must fit into an ONNX file without external data: at most ${limit} bytes, got ${size}`,
    );
  return bytes;
}
