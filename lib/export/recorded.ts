/** The forward pass of modules in evaluation mode, without their hooks, as a program. */
import { isDeepStrictEqual } from 'node:util';
import { ContrastiveError, OptionError } from '../errors.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import { withoutForwardHooks } from '../nn/forward-hooks.ts';
import type { Module } from '../nn/module.ts';
import * as ops from '../tensor/ops.ts';
import { programOf, type RecordedProgram } from '../tensor/program.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { byteNormalization, normalizeBytes, type Preprocessing } from './preprocessing.ts';
import type { GraphSource } from './program-graph.ts';

export interface Forward {
  readonly encoder: Module;
  readonly head: Module | null;
  /** Of the images: uint8 (batch, height, width, channels), or float32 (batch, channels, height, width). */
  readonly dtype: 'float32' | 'uint8';
  readonly channels: number;
  /** Fixes height and width; without it the modules must take images of every size. Needed for bytes. */
  readonly preprocessing: Preprocessing | undefined;
  /** Whether output vectors are scaled to length 1. */
  readonly normalize: boolean;
}

// Sizes that all encoders of images of any size take. What is computed of height and width (a product, a sum, the larger one, a
// remainder) is another number for each of them, after strides of up to 64 too: only what is the same for all is a constant.
const sizes = [
  [256, 192],
  [320, 448],
  [523, 397],
] as const;

/**
 * @throws {OptionError} an encoder that does not take such images, or whose operations depend on their size where there is
 * no preprocessing; {ShapeError} a head that does not take its features.
 */
export function recordForward(forward: Forward): GraphSource {
  const { encoder, head, dtype, channels, preprocessing } = forward;
  const like = (batch: number, [height, width]: readonly [number, number]): Tensor =>
    ops.zeros(dtype === 'uint8' ? [batch, height, width, channels] : [batch, channels, height, width], {
      dtype,
      device: encoder.device,
    });
  return inEvaluation(head === null ? [encoder] : [encoder, head], () => {
    if (preprocessing !== undefined) {
      const side = [preprocessing.centerCrop, preprocessing.centerCrop] as const;
      const likes = [like(2, side), like(3, side)];
      return { ...record(forward, likes[0] as Tensor), likes };
    }
    const [first, ...others] = sizes.map((size) => like(2, size)) as [Tensor, ...Tensor[]];
    const recorded = record(forward, first);
    for (const other of others) expectSame(recorded, record(forward, other));
    return { ...recorded, likes: [first, like(3, sizes[0]), ...others] };
  });
}

function record({ encoder, head, preprocessing, dtype, normalize }: Forward, like: Tensor): RecordedProgram {
  const names = new Map<Tensor, string>();
  for (const [prefix, module] of Object.entries({ encoder, head }))
    for (const [name, value] of module?.stateDict() ?? []) names.set(value, `${prefix}.${name}`);
  const bytes = dtype === 'uint8' ? byteNormalization(preprocessing as Preprocessing) : undefined;
  for (const [name, value] of Object.entries(bytes ?? {})) names.set(value, `input.${name}`);

  const run = (given: Tensor): Tensor => {
    const images = bytes === undefined ? given : normalizeBytes(given, bytes);
    const features = ofImages(encoder, images);
    const y = head?.forward(features) ?? features;
    return normalize ? ops.normalize(y) : y;
  };
  return withoutForwardHooks(() => programOf(([images]) => [run(images as Tensor)], [like], names));
}

function ofImages(encoder: Module, images: Tensor): Tensor {
  try {
    return encoder.forward(images);
  } catch (error) {
    if (!(error instanceof ContrastiveError)) throw error;
    throw new OptionError(
      `encoder must take images of shape [${images.shape.join(', ')}], but: ${error.message}. One for images of a certain ` +
        'size is exported with input: { size }',
      { cause: error },
    );
  }
}

/** @throws {OptionError} a program that is another for images of another size. */
function expectSame(one: RecordedProgram, other: RecordedProgram): void {
  const [a, b] = [one.program.operations, other.program.operations];
  const different = a.findIndex((operation, i) => !isDeepStrictEqual(operation, b[i]));
  const hasSameTensors = [...one.tensors].every(([name, value]) => isSame(value, other.tensors.get(name)));
  if (isDeepStrictEqual(one.program, other.program) && hasSameTensors) return;
  const place = different === -1 ? '' : ` in ${a[different]?.name} at ${one.places[different]}`;
  throw new OptionError(
    `encoder must do the same for images of every size to be exported without input: { size }; it does not${place}`,
  );
}

/** A parameter is the same tensor; what the forward pass made of numbers has the same values. */
function isSame(one: Tensor, other: Tensor | undefined): boolean {
  if (one === other || other === undefined) return one === other;
  return isDeepStrictEqual([one.shape, one.dataSync()], [other.shape, other.dataSync()]);
}
