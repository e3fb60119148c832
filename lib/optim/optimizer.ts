/** Optimizers from plain data, as a trainer's options and a run's config hold them. */
import type { OptionTable, ResolvedVariantOf, VariantOf } from '../options/option.ts';
import { resolveVariant } from '../options/resolve.ts';
import { Adam, AdamW, adamOptions, adamWOptions } from './adam.ts';
import type { Optimizer, Rates } from './base.ts';
import { LARS, larsOptions } from './lars.ts';
import type { Parameters } from './parameters.ts';
import { SGD, sgdOptions } from './sgd.ts';

export type { Optimizer, Parameters, Rates };

/** The optimizers' options, by name. */
export const optimizers = {
  sgd: sgdOptions,
  adam: adamOptions,
  adamw: adamWOptions,
  lars: larsOptions,
} as const satisfies Readonly<Record<string, OptionTable>>;

export type OptimizerSpec = VariantOf<typeof optimizers>;

export type ResolvedOptimizer = ResolvedVariantOf<typeof optimizers>;

/** `spec` with its defaults. @throws {OptionError} a wrong name or option. */
export const checkOptimizer = (spec: OptimizerSpec): ResolvedOptimizer => resolveVariant('optimizer', optimizers, spec);

/**
 * @example makeOptimizer({ name: 'sgd', lr: 0.05, momentum: 0.9 }, encoder.namedParameters())
 * @throws {OptionError} an unknown name or option.
 */
export function makeOptimizer(spec: OptimizerSpec, parameters: Parameters): Optimizer {
  const { name, ...options } = checkOptimizer(spec);
  switch (name) {
    case 'sgd':
      return new SGD(parameters, options);
    case 'adam':
      return new Adam(parameters, options);
    case 'adamw':
      return new AdamW(parameters, options);
    case 'lars':
      return new LARS(parameters, options);
  }
}
