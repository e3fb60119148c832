/** The samplers by name, as plain data, and a function of the user's. */
import { countOption, seedOption, signalOption } from '../../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf, ResolvedVariantOf, VariantOf } from '../../options/option.ts';
import { resolveOptions, resolveVariant } from '../../options/resolve.ts';
import { expectNumber } from '../../validate.ts';
import { checkDataset, type Dataset } from '../dataset.ts';
import type { Sampler } from '../sampler.ts';
import { classBalancedOptions, makeClassBalanced } from './class-balanced.ts';
import type { SamplerContext } from './context.ts';
import { makeCustom, type SamplerFunction } from './custom.ts';
import { distinctOptions, makeDistinct } from './distinct.ts';
import { hardNegativesOptions, makeHardNegatives } from './hard-negatives.ts';
import { makeSubset, subsetOptions } from './subset.ts';
import { makeWeighted, weightedOptions } from './weighted.ts';

/** The options of each sampler. */
export const samplerOptions = {
  'class-balanced': classBalancedOptions,
  weighted: weightedOptions,
  subset: subsetOptions,
  distinct: distinctOptions,
  'hard-negatives': hardNegativesOptions,
} as const;

type Options = typeof samplerOptions;
type SamplerName = keyof Options;
/** A sampler by its name and options. */
export type SamplerSpec = VariantOf<Options>;
/** With the defaults. */
export type ResolvedSampler = ResolvedVariantOf<Options>;
type Maker<Spec> = (options: Spec, context: SamplerContext) => Sampler | Promise<Sampler>;

const makers: { readonly [Name in SamplerName]: Maker<ResolvedOf<Options[Name]>> } = {
  'class-balanced': makeClassBalanced,
  weighted: makeWeighted,
  subset: makeSubset,
  distinct: makeDistinct,
  'hard-negatives': makeHardNegatives,
};

/** Checks what does not depend on the data; fills in defaults. @throws {OptionError} */
export function checkSampler(spec: SamplerSpec | SamplerFunction): ResolvedSampler | SamplerFunction {
  return typeof spec === 'function'
    ? spec
    : resolveVariant('sampler', samplerOptions, spec, 'a name, { name, … } or a function');
}

/** The batch size that a sampler decides; undefined where it leaves it open. */
export const batchSizeOf = (spec: ResolvedSampler | SamplerFunction | undefined): number | undefined =>
  typeof spec === 'object' && spec.name === 'class-balanced' ? spec.classes * spec.perClass : undefined;

const makeOptions = {
  /** Not needed where the sampler decides it. */
  batchSize: countOption,
  /** Default 0. */
  seed: seedOption,
  signal: signalOption,
} as const satisfies OptionTable;

export interface MakeSamplerOptions extends OptionsOf<typeof makeOptions> {}

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
  const { seed, signal, ...given } = resolveOptions('makeSampler', makeOptions, options);
  const checked = checkSampler(spec);
  const batchSize = expectNumber('batchSize', given.batchSize ?? batchSizeOf(checked), countOption);
  const context: SamplerContext = { dataset: checkDataset(dataset), batchSize, seed, signal };
  if (typeof checked === 'function') return makeCustom(checked, context);
  const make = makers[checked.name] as Maker<ResolvedSampler>;
  return { config: { ...checked }, ...(await make(checked, context)) };
}
