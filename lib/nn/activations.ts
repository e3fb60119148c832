/** Functions of each value as modules, for a Sequential. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { Module } from './module.ts';

/** x as it is. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** max(x, 0) */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.relu(x);
  }
}

/** max(x, 0) + negativeSlope · min(x, 0) */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = expectNumber('negativeSlope', negativeSlope);
  }

  override forward(x: Tensor): Tensor {
    return ops.leakyRelu(x, this.negativeSlope);
  }
}

const geluOptions = {
  /** 'tanh' computes it by a hyperbolic tangent; default 'none'. */
  approximate: { type: 'string', choices: ['none', 'tanh'], default: 'none' },
} as const satisfies OptionTable;

export interface GELUOptions extends OptionsOf<typeof geluOptions> {}

/** x Φ(x). Source: Hendrycks & Gimpel 2016, arXiv:1606.08415. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: GELUOptions = {}) {
    super();
    this.approximate = resolveOptions('GELU', geluOptions, options).approximate;
  }

  override forward(x: Tensor): Tensor {
    return ops.gelu(x, { approximate: this.approximate });
  }
}

/** x σ(x) */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.silu(x);
  }
}

/** σ(x) = 1 / (1 + exp(−x)) */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.sigmoid(x);
  }
}

/** x · hardsigmoid(x). Source: Howard et al. 2019, arXiv:1905.02244, section 5.2. */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardswish(x);
  }
}

/** min(max(x + 3, 0), 6) / 6 */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardsigmoid(x);
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return ops.tanh(x);
  }
}

/** exp(x) / Σ exp(x) along a dimension. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = expectNumber('dim', dim, { integer: true });
  }

  override forward(x: Tensor): Tensor {
    return ops.softmax(x, this.dim);
  }
}
