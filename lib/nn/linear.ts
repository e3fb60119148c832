/** Fully connected layers. */
import type { Generator } from '../tensor/generator.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { uniform } from './init.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export const size = { min: 1, max: 2 ** 24, integer: true } as const;

export interface WeightOptions {
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean;
  /** What the initial values are drawn from. Default: the one that `manualSeed()` seeds. */
  readonly generator?: Generator;
  /** Fills the weight in place of PyTorch's default: one of `init`'s functions, bound to its options. The bias keeps PyTorch's. */
  readonly init?: (parameter: Parameter) => void;
}

/** PyTorch's default for weights and biases: uniform in ±1/√fanIn, which is kaimingUniform with a = √5. */
export function defaultInit(fanIn: number, { generator }: WeightOptions): (parameter: Parameter) => void {
  const bound = 1 / Math.sqrt(fanIn);
  return (parameter) => void uniform(parameter, -bound, bound, generator && { generator });
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
    checkOptions('Linear', options, ['bias', 'generator', 'init']);
    this.inFeatures = expectNumber('inFeatures', inFeatures, size);
    this.outFeatures = expectNumber('outFeatures', outFeatures, size);
    const byDefault = defaultInit(inFeatures, options);
    const { init = byDefault } = options;
    this.weight = new Parameter(ops.empty([outFeatures, inFeatures]));
    init(this.weight);
    this.bias = expectBoolean('bias', options.bias ?? true) ? new Parameter(ops.empty([outFeatures])) : null;
    if (this.bias !== null) byDefault(this.bias);
  }

  override forward(x: Tensor): Tensor {
    return ops.linear(x, this.weight, { bias: this.bias });
  }
}
