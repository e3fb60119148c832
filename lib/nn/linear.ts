/** Fully connected layers. */
import { countOption, functionOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { drawOptions } from './draw-options.ts';
import { uniform } from './init.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export const size = { ...countOption, max: 2 ** 24 } as const;

export const weightOptions = {
  /** Whether there is a bias. Default true. */
  bias: { type: 'boolean', default: true },
  ...drawOptions,
  /** Fills the weight in place of PyTorch's default: one of `init`'s functions, bound to its options. The bias keeps PyTorch's. */
  init: functionOption<(parameter: Parameter) => void>(),
} as const satisfies OptionTable;

export interface WeightOptions extends OptionsOf<typeof weightOptions> {}

/** PyTorch's default for weights and biases: uniform in ±1/√fanIn, which is kaimingUniform with a = √5. */
export function defaultInit(fanIn: number, { generator }: WeightOptions): (parameter: Parameter) => void {
  const bound = 1 / Math.sqrt(fanIn);
  return (parameter) => void uniform(parameter, -bound, bound, { generator });
}

/** y = x Wᵀ + b: (…, inFeatures) → (…, outFeatures). As torch.nn.Linear. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** (outFeatures, inFeatures) */
  readonly weight: Parameter;
  /** (outFeatures), or null. */
  readonly bias: Parameter | null;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(inFeatures: number, outFeatures: number, options: WeightOptions = {}) {
    super();
    const resolved = resolveOptions('Linear', weightOptions, options);
    this.inFeatures = expectNumber('inFeatures', inFeatures, size);
    this.outFeatures = expectNumber('outFeatures', outFeatures, size);
    const byDefault = defaultInit(inFeatures, resolved);
    const { init = byDefault } = resolved;
    this.weight = new Parameter(ops.empty([outFeatures, inFeatures]));
    init(this.weight);
    this.bias = resolved.bias ? new Parameter(ops.empty([outFeatures])) : null;
    if (this.bias !== null) byDefault(this.bias);
  }

  override forward(x: Tensor): Tensor {
    return ops.linear(x, this.weight, { bias: this.bias });
  }
}
