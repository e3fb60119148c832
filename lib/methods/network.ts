/** An encoder and the head on top of it, as one: from images to what a method compares. */
import type { Ranks } from '../distributed/ranks.ts';
import { expectFeatures } from '../encoders/features.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import * as ops from '../tensor/ops.ts';
import { inPrecision, type Precision } from '../tensor/precision.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { Views } from './views.ts';

/** A projection head of your own that is no Module: a function and the tensors that it is trained by. */
export interface CustomHead {
  /** (n, featureDim) → (n, dim), differentiable. */
  forward(features: Tensor): Tensor;
  /** What the optimizer trains, by name. */
  namedParameters(): ReadonlyMap<string, Tensor>;
}

/** What a network is made of; without a head, the encoder's features are compared. */
export interface NetworkParts {
  readonly encoder: Module;
  readonly head: Module | CustomHead | null;
}

/**
 * How long the vectors are that a network makes.
 * @throws {OptionError} neither the head nor, without one, the encoder says so by a field `featureDim`.
 */
export function dimOf(method: string, { encoder, head }: NetworkParts): number {
  const { featureDim } = (head ?? encoder) as Partial<Encoder>;
  if (featureDim === undefined)
    throw new OptionError(
      `the method '${method}' needs the length of the vectors: featureDim must be a field of the head, or without one of the encoder`,
    );
  return featureDim;
}

/** For a method that copies the network. @throws {OptionError} a head that cannot be copied. */
export function expectModules(method: string, { head }: NetworkParts): void {
  if (head !== null && !(head instanceof Module))
    throw new OptionError(
      `the method '${method}' needs a head that is a Module, or none: { forward, namedParameters } cannot be copied`,
    );
}

/**
 * Encoder and head in the precision of a training; what comes out is float32. Where several processes train together, the rows of all
 * of them come out: images go in by ranks, and losses see whole batches.
 */
export class Network extends Module {
  readonly encoder: Module;
  readonly head: Module | CustomHead | null;
  readonly precision: Precision;
  readonly ranks: Ranks | undefined;

  constructor({ encoder, head }: NetworkParts, precision: Precision, ranks?: Ranks) {
    super();
    this.encoder = encoder;
    this.head = head;
    this.precision = precision;
    this.ranks = ranks;
  }

  /** @returns float32 (n, dim), differentiable. */
  override forward(images: Tensor): Tensor {
    return this.whole(this.pass(() => this.project(this.encode(images))));
  }

  /** All views in one pass, or one a size; the head sees all of them at once. float32 (batch, views, dim). */
  features({ images, order }: Views): Tensor {
    const z = this.pass(() => {
      const ofSizes = images.map((tensor) => this.encode(tensor));
      const [first, ...others] = ofSizes as [Tensor, ...Tensor[]];
      return this.project(others.length === 0 ? first : byView(ops.cat(ofSizes), order));
    });
    const [rows, dim] = z.shape as [number, number];
    return this.whole(z.reshape([order.length, rows / order.length, dim]).transpose(0, 1));
  }

  /** The same by a pass for each view, so that each has statistics of batch normalisation of its own. float32 (batch, views, dim). */
  featuresByView(views: Views): Tensor {
    return ops.stack(
      views.order.map((_, view) => this.forward(views.at(view))),
      1,
    );
  }

  /** What `pass` computes in this precision, as float32, or float64 as it comes: for what a method adds, such as a predictor. */
  run(pass: () => Tensor): Tensor {
    const made = inPrecision(this.precision, pass);
    return made.dtype === 'float64' ? made : made.to('float32');
  }

  private pass(pass: () => Tensor): Tensor {
    return this.ranks ? this.ranks.inStep(() => this.run(pass)) : this.run(pass);
  }

  private whole(rows: Tensor): Tensor {
    return this.ranks ? this.ranks.whole(rows) : rows;
  }

  /** The encoder's features; all passes come through here. (n, featureDim) @throws {ShapeError} they are something else. */
  protected encode(images: Tensor): Tensor {
    return expectFeatures(this.encoder, this.encoder.forward(images), images.shape[0] as number);
  }

  private project(encoded: Tensor): Tensor {
    return this.head === null ? encoded : this.head.forward(encoded);
  }
}

/** Rows that lie size by size, brought into the order of the views. (views · batch, featureDim) */
function byView(encoded: Tensor, order: readonly number[]): Tensor {
  if (order.every((place, view) => place === view)) return encoded;
  const views = order.length;
  const [rows, dim] = encoded.shape as [number, number];
  const places = tensor(Int32Array.from(order), { device: encoded.device });
  return encoded
    .reshape([views, rows / views, dim])
    .indexSelect(0, places)
    .reshape([rows, dim]);
}
