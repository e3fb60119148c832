/** Optimizers from plain data, as a trainer's options and a run's config hold them. */
import { OptionError } from '../errors.ts';
import { describe, expectOneOf } from '../validate.ts';
import { AdamW, type AdamWOptions } from './adamw.ts';
import type { Optimizer, Parameters } from './base.ts';
import { LARS, type LARSOptions } from './lars.ts';
import { SGD, type SGDOptions } from './sgd.ts';

export type { Optimizer, Parameters };

export type OptimizerSpec =
  | ({ readonly name: 'sgd' } & SGDOptions)
  | ({ readonly name: 'adamw' } & AdamWOptions)
  | ({ readonly name: 'lars' } & LARSOptions);

/** Returns `spec` when it names an optimizer; its options are checked when it is made. @throws {OptionError} */
export function checkOptimizer(spec: OptimizerSpec): OptimizerSpec {
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`optimizer must be { name, lr, … }, got ${describe(spec)}`);
  expectOneOf('optimizer.name', spec.name, ['sgd', 'adamw', 'lars']);
  return spec;
}

/**
 * @example makeOptimizer({ name: 'sgd', lr: 0.05, momentum: 0.9 }, encoder.namedParameters())
 * @throws {OptionError} an unknown name or option.
 */
export function makeOptimizer(spec: OptimizerSpec, parameters: Parameters): Optimizer {
  switch (checkOptimizer(spec).name) {
    case 'sgd': {
      const { name: _, ...options } = spec;
      return new SGD(parameters, options);
    }
    case 'adamw': {
      const { name: _, ...options } = spec;
      return new AdamW(parameters, options);
    }
    case 'lars': {
      const { name: _, ...options } = spec;
      return new LARS(parameters, options);
    }
  }
}
