/** The losses that a trainer knows by name, as plain data; and the user's own, as functions. */
import { OptionError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';

export interface SupConLossSpec {
  readonly name: 'supcon';
  /** τ, default 0.1. */
  readonly temperature?: number;
  /** Default 'out' (Khosla et al. 2020, eq. 2); 'in' is eq. 3. */
  readonly variant?: 'out' | 'in';
  /** Default 'all'. */
  readonly anchors?: 'all' | 'first';
  /** Default 'ignore'. */
  readonly noPositives?: 'ignore' | 'zero' | 'error';
  /** Default 1. */
  readonly lossScale?: number;
  /** L2-normalise the features inside. Default true. */
  readonly normalize?: boolean;
}

export interface NtXentLossSpec {
  readonly name: 'nt-xent';
  /** τ, default 0.1. */
  readonly temperature?: number;
  /** Default 1. */
  readonly lossScale?: number;
  /** Default true. */
  readonly normalize?: boolean;
}

export type LossSpec = SupConLossSpec | NtXentLossSpec;

/**
 * A loss of your own: features float32 (batch, views, dim) with gradient, labels int32 (batch) when every sample has one.
 * Returns a scalar tensor.
 */
export type CustomLoss = (features: Tensor, batch: { readonly labels: Tensor | undefined }) => Tensor;

/** A named loss as the native step takes it: the operation, and its arguments behind the features. */
export interface NativeLoss {
  readonly operation: string;
  readonly usesLabels: boolean;
  arguments(labels: Tensor | undefined): readonly unknown[];
}

const common = ['name', 'temperature', 'lossScale', 'normalize'] as const;

/** Checks a specification; fills nothing in. @throws {OptionError} */
export function checkLoss(spec: LossSpec): LossSpec {
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`loss must be { name, … } or a function, got ${describe(spec)}`);
  expectOneOf('loss.name', spec.name, ['supcon', 'nt-xent']);
  checkOptions('loss', spec, spec.name === 'supcon' ? [...common, 'variant', 'anchors', 'noPositives'] : common);
  if (spec.temperature !== undefined) expectNumber('loss.temperature', spec.temperature, { above: 0 });
  if (spec.lossScale !== undefined) expectNumber('loss.lossScale', spec.lossScale, {});
  if (spec.normalize !== undefined) expectBoolean('loss.normalize', spec.normalize);
  if (spec.name === 'supcon') {
    if (spec.variant !== undefined) expectOneOf('loss.variant', spec.variant, ['out', 'in']);
    if (spec.anchors !== undefined) expectOneOf('loss.anchors', spec.anchors, ['all', 'first']);
    if (spec.noPositives !== undefined) expectOneOf('loss.noPositives', spec.noPositives, ['ignore', 'zero', 'error']);
  }
  return spec;
}

/** The native operation of a specification; argument orders are those of native/losses. */
export function nativeLoss(spec: LossSpec): NativeLoss {
  const { temperature, lossScale, normalize } = spec;
  if (spec.name === 'nt-xent')
    return {
      operation: 'nt_xent_loss',
      usesLabels: false,
      arguments: () => [undefined, undefined, temperature, lossScale, normalize],
    };
  const { variant, anchors, noPositives } = spec;
  return {
    operation: 'sup_con_loss',
    usesLabels: true,
    arguments: (labels) => [
      undefined,
      labels?.handle,
      undefined,
      undefined,
      temperature,
      variant,
      anchors,
      noPositives,
      lossScale,
      normalize,
    ],
  };
}
