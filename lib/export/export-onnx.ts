/** Trained modules as an ONNX file, for runtimes in other languages, browsers and devices. */
import { readFileSync } from 'node:fs';
import type { EvaluationOptions } from '../augment/presets.ts';
import { DataError, messageOf, OptionError, ShapeError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { isObject } from '../files/strict-json.ts';
import { Module } from '../nn/module.ts';
import { instanceOf, orNull } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { noGrad, tidy, withoutModes } from '../tensor/modes.ts';
import { describe, expectString } from '../validate.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { encodeModel, kOpset, type ValueInfo } from './onnx-model.ts';
import { type Preprocessing, preprocessingOf } from './preprocessing.ts';
import { graphOf, type ProgramGraph } from './program-graph.ts';
import { byteLength } from './protobuf.ts';
import { recordForward } from './recorded.ts';
import type { ValueType } from './value-types.ts';

const moduleOptions = {
  /** Images (batch, channels, height, width) → features (batch, dim). */
  encoder: {
    type: 'checked',
    required: true,
    check: instanceOf<Module>(Module, 'a module such as resnet18() returns'),
  },
  /**
   * A projection head or a classifier (`linearHead`): runs on the features, and its output is then the file's. Default none:
   * features are what transfers.
   */
  head: {
    ...{ type: 'checked', default: null },
    check: orNull(instanceOf<Module>(Module, 'a module such as projectionHead() returns')),
  },
} as const satisfies OptionTable;

export interface ExportModules extends OptionsOf<typeof moduleOptions> {}

function expectTexts(name: string, value: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (!isObject(value)) throw new OptionError(`${name} must be an object of strings, got ${describe(value)}`);
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string') throw new OptionError(`${name}.${key} must be a string, got ${describe(text)}`);
  return value;
}

export const exportOptions = {
  /** Scales each output vector to length 1. Default false. */
  normalize: { type: 'boolean', default: false, help: 'scale each embedding to length 1' },
  /** Makes batch normalisation a part of the convolution before it: fewer operations, equal up to rounding. Default true. */
  foldBatchNorm: { type: 'boolean', default: true, off: 'keep batch normalisation as operations of their own' },
  /**
   * What becomes of images before the encoder: the options of the `presets.evaluation` that it is used with. Written into
   * the metadata, and fixes the height and width of the input; without it both are free, and the encoder must do the same
   * for images of every size: what differs between sizes of 192 to 523 pixels is refused.
   */
  input: { type: 'checked', check: asGiven<EvaluationOptions> },
  /**
   * 'float32' (default): (batch, channels, height, width), normalised. 'uint8': (batch, height, width, channels), the bytes
   * of decoded images; the graph normalises by `input`.
   */
  inputType: {
    type: 'string',
    choices: ['float32', 'uint8'],
    default: 'float32',
    value: 'TYPE',
    help: 'what the model takes: normalised planes, or bytes of pixels',
  },
  /** Further entries of the file's metadata. */
  metadata: { type: 'checked', check: expectTexts, default: {} },
} as const satisfies OptionTable;

export interface ExportOptions extends OptionsOf<typeof exportOptions> {}

export interface ExportedModel {
  readonly file: string;
  readonly bytes: number;
  /** Version of the operator set. */
  readonly opset: number;
  /** 'images'. */
  readonly input: ValueInfo;
  /** 'embeddings', or 'logits' behind a classifier: float32 ('batch', dim). */
  readonly output: ValueInfo;
  /** What stands in the file's metadata, by name: for runtimes that do not show it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes an encoder, and a head if wanted, as an ONNX model (operator set 17) in evaluation mode, without forward hooks: input 'images', output
 * 'embeddings' ('logits' behind a classifier), any batch size. The file appears when it is complete, or not at all. Training
 * may go on meanwhile; the weights are those of this call.
 *
 * @param modules an encoder, or `{ encoder, head }`.
 * @param file its path, usually `….onnx`.
 * @throws {OptionError} an operation that has no ONNX form, which the message names with its line of code; a model of more
 *   than 2 GB; or an unknown or wrong option.
 * @throws {ShapeError} a head that does not take the encoder's features, or features that are not (batch, dim).
 * @throws {DataError} a file that cannot be written.
 * @example
 * await exportOnnx(encoder, 'model.onnx', { normalize: true, input: { size: 32, mean: 0.5, std: 0.25 } });
 */
export async function exportOnnx(
  modules: Module | ExportModules,
  file: string,
  options: ExportOptions = {},
): Promise<ExportedModel> {
  const path = expectString('file', file);
  const named = modules instanceof Module ? { encoder: modules } : modules;
  const { encoder, head } = resolveOptions('exportOnnx: modules', moduleOptions, named);
  const {
    normalize,
    foldBatchNorm: fold,
    input: given,
    inputType: dtype,
    metadata: further,
  } = resolveOptions('exportOnnx', exportOptions, options);
  const channels = channelsOf(encoder, given);
  const preprocessing = given && preprocessingOf(given, channels);
  if (dtype === 'uint8' && preprocessing === undefined)
    throw new OptionError("inputType 'uint8' needs input: { size, mean, std } of the images");
  const name = head?.config?.name === 'linear' ? 'logits' : 'embeddings';
  const graph = (): Promise<ProgramGraph> => {
    // All at once: what is trained meanwhile comes after every read of a weight.
    const forward = recordForward({ encoder, head, dtype, channels, preprocessing, normalize });
    return graphOf(forward, { input: 'images', output: name });
  };
  const { parts, output: type } = await withoutModes(() => noGrad(() => tidy(graph)));
  const [input, output] = [inputOf(dtype, channels, preprocessing), outputOf(name, type)];
  const metadata = { ...about(encoder, head, normalize, preprocessing), ...further };
  const content = encodeModel({
    producer: { name: 'contrastive', version: packageVersion() },
    input,
    output,
    ...(fold ? foldBatchNorm(parts) : parts),
    metadata,
  });
  await write(path, Buffer.concat(content));
  return { file: path, bytes: byteLength(content), opset: kOpset, input, output, metadata };
}

/** What the encoder's config says, or else the images'; 3 where neither does. */
function channelsOf({ config }: Module, images: EvaluationOptions | undefined): number {
  return typeof config?.inChannels === 'number' ? config.inChannels : (images?.channels ?? 3);
}

function inputOf(dtype: 'float32' | 'uint8', channels: number, preprocessing: Preprocessing | undefined): ValueInfo {
  const [height, width] = preprocessing
    ? [preprocessing.centerCrop, preprocessing.centerCrop]
    : (['height', 'width'] as const);
  const shape = dtype === 'uint8' ? ['batch', height, width, channels] : ['batch', channels, height, width];
  return { name: 'images', dtype, shape };
}

function outputOf(name: string, { dtype, shape }: ValueType): ValueInfo {
  const [batch, dim] = shape;
  const isBatch = typeof batch === 'object' && 'batch' in batch && batch.batch === 1;
  if (shape.length !== 2 || !isBatch || typeof dim !== 'number' || dtype !== 'float32') {
    const sizes = shape.map((size) => (typeof size === 'number' ? size : 'batch' in size ? 'batch' : 'of the images'));
    throw new ShapeError(`the modules must give float32 (batch, dim), got ${dtype} (${sizes.join(', ')})`);
  }
  return { name, dtype, shape: ['batch', dim] };
}

/** For programs that read the file: how it was made, and what it wants. */
function about(
  encoder: Module,
  head: Module | null,
  normalized: boolean,
  preprocessing: Preprocessing | undefined,
): Record<string, string> {
  return {
    ...(encoder.config && { encoder: JSON.stringify(encoder.config) }),
    ...(head?.config && { head: JSON.stringify(head.config) }),
    normalized: String(normalized),
    ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
  };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function write(path: string, content: Uint8Array): Promise<void> {
  try {
    await writeFileAtomic(path, content);
  } catch (error) {
    throw new DataError(`${path}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
