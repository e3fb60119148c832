/** The samplers by name, as plain data, and a function of the user's. */
import { OptionError } from '../../errors.ts';
import { checkOptions, describe, expectNumber, expectOneOf } from '../../validate.ts';
import { checkDataset, type Dataset } from '../dataset.ts';
import type { Sampler } from '../sampler.ts';
import { type ClassBalancedSampler, checkClassBalanced, makeClassBalanced } from './class-balanced.ts';
import type { SamplerContext } from './context.ts';
import { makeCustom, type SamplerFunction } from './custom.ts';
import { checkDistinct, type DistinctSampler, makeDistinct } from './distinct.ts';
import { checkHardNegatives, type HardNegativesSampler, makeHardNegatives } from './hard-negatives.ts';
import { checkSubset, makeSubset, type SubsetSampler } from './subset.ts';
import { checkWeighted, makeWeighted, type WeightedSampler } from './weighted.ts';

export type SamplerSpec =
  | ClassBalancedSampler
  | WeightedSampler
  | SubsetSampler
  | DistinctSampler
  | HardNegativesSampler;

type SamplerName = SamplerSpec['name'];

interface Kind<Spec> {
  readonly check: (spec: Spec) => Spec;
  readonly make: (spec: Spec, context: SamplerContext) => Sampler | Promise<Sampler>;
}

const kinds: { readonly [Name in SamplerName]: Kind<Extract<SamplerSpec, { name: Name }>> } = {
  'class-balanced': { check: checkClassBalanced, make: makeClassBalanced },
  weighted: { check: checkWeighted, make: makeWeighted },
  subset: { check: checkSubset, make: makeSubset },
  distinct: { check: checkDistinct, make: makeDistinct },
  'hard-negatives': { check: checkHardNegatives, make: makeHardNegatives },
};

export const samplerNames = Object.keys(kinds) as SamplerName[];

const kindOf = (name: SamplerName): Kind<SamplerSpec> => kinds[name] as unknown as Kind<SamplerSpec>;

/** Checks what does not depend on the data; returns it. @throws {OptionError} */
export function checkSampler(spec: SamplerSpec | SamplerFunction): SamplerSpec | SamplerFunction {
  if (typeof spec === 'function') return spec;
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`sampler must be { name, … } or a function, got ${describe(spec)}`);
  return kindOf(expectOneOf('sampler.name', spec.name, samplerNames)).check(spec);
}

/** The batch size that a sampler decides; undefined where it leaves it open. */
export const batchSizeOf = (spec: SamplerSpec | SamplerFunction | undefined): number | undefined =>
  typeof spec === 'object' && spec.name === 'class-balanced' ? spec.classes * spec.perClass : undefined;

export interface MakeSamplerOptions {
  /** Not needed where the sampler decides it. */
  readonly batchSize?: number;
  /** Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What decides which samples of `dataset` make the batches of an epoch, for a DataLoader: by name and options, or by a
 * function. Labels, where they are needed, are those that the data set states, else read with its samples.
 *
 * @throws {OptionError} unknown or out-of-range options.
 * @throws {DataError} data that do not suffice, such as a sample without a label or a class with too few.
 * @throws {AbortError} the signal fired.
 * @example
 * const sampler = await makeSampler({ name: 'class-balanced', classes: 8, perClass: 16 }, dataset, { seed: 1 });
 * for await (const { samples } of new DataLoader(dataset, { sampler }).epoch(0)) console.log(samples.length);
 */
export async function makeSampler(
  spec: SamplerSpec | SamplerFunction,
  dataset: Dataset,
  options: MakeSamplerOptions = {},
): Promise<Sampler> {
  checkOptions('makeSampler', options, ['batchSize', 'seed', 'signal']);
  const checked = checkSampler(spec);
  const context: SamplerContext = {
    dataset: checkDataset(dataset),
    batchSize: expectNumber('batchSize', options.batchSize ?? batchSizeOf(checked), { min: 1, integer: true }),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, integer: true }),
    signal: options.signal,
  };
  if (typeof checked === 'function') return makeCustom(checked, context);
  return { config: { ...checked }, ...(await kindOf(checked.name).make(checked, context)) };
}
