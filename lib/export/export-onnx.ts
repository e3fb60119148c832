/** Trained modules as an ONNX file, for runtimes in other languages, browsers and devices. */
import { readFileSync } from 'node:fs';
import type { EvaluationOptions } from '../augment/presets.ts';
import { writeFileAtomic } from '../checkpoint/atomic.ts';
import { DataError, messageOf, OptionError, ShapeError } from '../errors.ts';
import { Module, type ModuleConfig } from '../models/module.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectOneOf, expectString } from '../validate.ts';
import { l2Normalize, type Target } from './layers.ts';
import { linearHead } from './linear-head.ts';
import { Graph, type Weight, type Weights } from './module-graph.ts';
import { encodeModel, kOpset, type ValueInfo } from './onnx-model.ts';
import { normalizeBytes, type Preprocessing, preprocessingOf } from './preprocessing.ts';
import { projectionHead } from './projection-head.ts';
import { byteLength } from './protobuf.ts';
import { resnet } from './resnet.ts';

export interface ExportModules {
  readonly encoder: Module;
  /**
   * A projection head or a classifier (`linearHead`): runs on the features, and its output is then the file's. Default none:
   * features are what transfers.
   */
  readonly head?: Module | null;
}

export interface ExportOptions {
  /** Scales each output vector to length 1. Default false. */
  readonly normalize?: boolean;
  /** Makes batch normalisation a part of the convolution before it: fewer operations, equal up to rounding. Default true. */
  readonly foldBatchNorm?: boolean;
  /**
   * What becomes of images before the encoder: the options of the `presets.evaluation` that it is used with. Written into
   * the metadata, and fixes the height and width of the input; without it both are free.
   */
  readonly preprocessing?: EvaluationOptions;
  /**
   * 'float32' (default): (batch, channels, height, width), normalised. 'uint8': (batch, height, width, channels), the bytes
   * of decoded images; the graph normalises by `preprocessing`.
   */
  readonly input?: 'float32' | 'uint8';
  /** Further entries of the file's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ExportedModel {
  readonly file: string;
  readonly bytes: number;
  /** Version of the operator set. */
  readonly opset: number;
  /** 'images'. */
  readonly input: ValueInfo;
  /** 'embeddings', or 'logits' behind a classifier: float32 ('batch', dim). */
  readonly output: ValueInfo;
}

type Builder = (target: Target, config: ModuleConfig, input: string) => string;

/** By the registered names of modules. */
const encoders: Readonly<Record<string, Builder>> = {
  resnet18: resnet,
  resnet34: resnet,
  resnet50: resnet,
  resnet101: resnet,
  resnet152: resnet,
};
const heads: Readonly<Record<string, Builder>> = { 'projection-head': projectionHead, linear: linearHead };

/**
 * Writes an encoder, and a head if wanted, as an ONNX model (operator set 17) in evaluation mode: input 'images', output
 * 'embeddings' ('logits' behind a classifier), any batch size. The file appears when it is complete, or not at all. Training
 * may go on meanwhile; the weights are those of this call.
 *
 * @param modules an encoder, or `{ encoder, head }`.
 * @param file its path, usually `….onnx`.
 * @throws {OptionError} a module that has no ONNX form (a head written in TypeScript), a model of more than 2 GB, or an
 *   unknown or wrong option.
 * @throws {ShapeError} a head that does not take the encoder's features.
 * @throws {DataError} a file that cannot be written.
 * @example
 * await exportOnnx(encoder, 'model.onnx', { normalize: true, preprocessing: { size: 32, mean: 0.5, std: 0.25 } });
 */
export async function exportOnnx(
  modules: Module | ExportModules,
  file: string,
  options: ExportOptions = {},
): Promise<ExportedModel> {
  const path = expectString('file', file);
  const { encoder, head } = checkModules(modules);
  const { normalize, fold, preprocessing, dtype, metadata } = resolveOptions(options, encoder);

  const graph = new Graph();
  const input = inputOf(encoder, dtype, preprocessing);
  // All at once: what is trained meanwhile comes after every one of them.
  const [encoderWeights, headWeights] = await Promise.all([read(encoder), head === null ? undefined : read(head)]);

  let y = input.name;
  if (dtype === 'uint8') y = normalizeBytes(graph, y, preprocessing as Preprocessing);
  const target = { graph, fold, weights: encoderWeights, prefix: 'encoder.' };
  y = builderOf(encoders, encoder)(target, encoder.config, y);
  if (head !== null && headWeights !== undefined)
    y = builderOf(heads, head)({ graph, fold, weights: headWeights, prefix: 'head.' }, head.config, y);
  if (normalize) l2Normalize(graph, y, 'normalized');
  const name = head?.config.name === 'linear' ? 'logits' : 'embeddings';
  const output: ValueInfo = { name, dtype: 'float32', shape: ['batch', (head ?? encoder).featureDim] };
  graph.nameOutput(output.name);

  const content = encodeModel({
    producer: { name: 'contrastive', version: packageVersion() },
    input,
    output,
    nodes: graph.nodes,
    constants: graph.constants,
    metadata: { ...about(encoder, head, normalize, preprocessing), ...metadata },
  });
  await write(path, Buffer.concat(content));
  return { file: path, bytes: byteLength(content), opset: kOpset, input, output };
}

function checkModules(modules: Module | ExportModules): { encoder: Module; head: Module | null } {
  if (modules instanceof Module) return checkModules({ encoder: modules });
  checkOptions('exportOnnx: modules', modules, ['encoder', 'head']);
  const { encoder, head = null } = modules ?? {};
  if (!(encoder instanceof Module))
    throw new OptionError(`encoder must be a module such as resnet18() returns, got ${describe(encoder)}`);
  builderOf(encoders, encoder);
  if (head === null) return { encoder, head };
  if (!(head instanceof Module))
    throw new OptionError(
      `head must be what projectionHead() or linearHead() returns; others have no ONNX form. Got ${describe(head)}`,
    );
  builderOf(heads, head);
  if (head.config.inFeatures !== encoder.featureDim)
    throw new ShapeError(`head must take the encoder's ${encoder.featureDim} features, got ${head.config.inFeatures}`);
  return { encoder, head };
}

function builderOf(builders: Readonly<Record<string, Builder>>, { config: { name } }: Module): Builder {
  const builder = Object.hasOwn(builders, name) ? builders[name] : undefined;
  if (builder !== undefined) return builder;
  throw new OptionError(`module must be one of ${Object.keys(builders).join(', ')}, got ${describe(name)}`);
}

function resolveOptions(options: ExportOptions, encoder: Module) {
  checkOptions('exportOnnx', options, ['normalize', 'foldBatchNorm', 'preprocessing', 'input', 'metadata']);
  const { metadata = {} } = options;
  checkOptions('exportOnnx: metadata', metadata, Object.keys(metadata ?? {}));
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string') throw new OptionError(`metadata.${key} must be a string, got ${describe(value)}`);
  const dtype = expectOneOf('input', options.input ?? 'float32', ['float32', 'uint8']);
  const preprocessing =
    options.preprocessing === undefined ? undefined : preprocessingOf(options.preprocessing, channelsOf(encoder));
  if (dtype === 'uint8' && preprocessing === undefined)
    throw new OptionError("input 'uint8' needs preprocessing: { size, mean, std } of the images");
  return {
    normalize: expectBoolean('normalize', options.normalize ?? false),
    fold: expectBoolean('foldBatchNorm', options.foldBatchNorm ?? true),
    preprocessing,
    dtype,
    metadata,
  };
}

const channelsOf = (encoder: Module): number => encoder.config.inChannels as number;

function inputOf(encoder: Module, dtype: 'float32' | 'uint8', preprocessing: Preprocessing | undefined): ValueInfo {
  const channels = channelsOf(encoder);
  const [height, width] = preprocessing
    ? [preprocessing.centerCrop, preprocessing.centerCrop]
    : (['height', 'width'] as const);
  const shape = dtype === 'uint8' ? ['batch', height, width, channels] : ['batch', channels, height, width];
  return { name: 'images', dtype, shape };
}

/** Parameters and running statistics. */
async function read(module: Module): Promise<Weights> {
  const floats = [...module.stateDict()].filter(([, { dtype }]) => dtype === 'float32');
  const readOne = async ([name, tensor]: [string, Tensor]): Promise<[string, Weight]> => [
    name,
    { shape: tensor.shape, data: (await tensor.data()) as Float32Array },
  ];
  return new Map(await Promise.all(floats.map(readOne)));
}

/** For programs that read the file: how it was made, and what it wants. */
function about(
  encoder: Module,
  head: Module | null,
  normalized: boolean,
  preprocessing: Preprocessing | undefined,
): Record<string, string> {
  return {
    encoder: JSON.stringify(encoder.config),
    ...(head && { head: JSON.stringify(head.config) }),
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
