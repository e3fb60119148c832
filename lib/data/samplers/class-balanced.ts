/** Batches of some classes with equally many samples of each. */
import { DataError, OptionError } from '../../errors.ts';
import { countOption } from '../../options/kinds.ts';
import type { OptionTable, ResolvedOf } from '../../options/option.ts';
import { readLabels } from '../labels.ts';
import type { Sampler } from '../sampler.ts';
import type { Draws } from '../shuffle.ts';
import { drawsOf, fullBatches, membersOf, type SamplerContext } from './context.ts';

/**
 * P classes, and K samples of each: every sample of a batch has K − 1 others of its class, which supervised contrastive losses
 * need as positives. Classes, and the samples of a class, come equally often, each once before any comes again; so samples of a
 * rare class come several times an epoch. An epoch has as many batches as the data set has samples for.
 *
 * Source: Hermans et al. 2017, arXiv:1703.07737, section 2 ("PK batches").
 */
export const classBalancedOptions = {
  /** P, classes of a batch. P · K is the batch size. */
  classes: { ...countOption, required: true, value: 'P', help: 'classes of a batch' },
  /** K, samples of each of them. */
  perClass: { ...countOption, required: true, value: 'K', help: 'samples of each of its classes' },
} as const satisfies OptionTable;

/** Deals members in a random order, all of them once before any again, and none twice in one deal. */
class Deck {
  readonly #members: readonly number[];
  readonly #draws: Draws;
  #pile: number[] = [];

  constructor(members: readonly number[], draws: Draws) {
    this.#members = members;
    this.#draws = draws;
  }

  /** @param count at most the number of members. */
  deal(count: number): number[] {
    const dealt = this.#pile.splice(0, count);
    if (dealt.length === count) return dealt;
    const shuffled = this.#draws.shuffle([...this.#members]);
    const held = new Set(dealt);
    const rest = new Set(shuffled.filter((member) => !held.has(member)).slice(0, count - dealt.length));
    this.#pile = shuffled.filter((member) => !rest.has(member));
    return [...dealt, ...rest];
  }
}

/** @throws {DataError} a sample without a label, too few classes, or a class with fewer than `perClass` samples. */
export async function makeClassBalanced(
  { classes, perClass }: ResolvedOf<typeof classBalancedOptions>,
  context: SamplerContext,
): Promise<Sampler> {
  const { dataset, batchSize, signal } = context;
  if (batchSize !== classes * perClass)
    throw new OptionError(
      `batchSize must be the ${classes} · ${perClass} samples of the class-balanced sampler, got ${batchSize}`,
    );
  const members = membersOf(await readLabels(dataset, { signal }));
  if (members.size < classes)
    throw new DataError(`${dataset.name}: sampler.classes must be at most its ${members.size} classes, got ${classes}`);
  for (const [label, { length }] of members)
    if (length < perClass)
      throw new DataError(
        `${dataset.name}: sampler.perClass must be at most the ${length} samples of class '${dataset.classes?.[label] ?? label}', got ${perClass}`,
      );
  const length = fullBatches(context);
  return {
    length,
    batches(epoch) {
      const draws = drawsOf(context, epoch);
      const labels = new Deck([...members.keys()], draws);
      const decks = new Map([...members].map(([label, own]) => [label, new Deck(own, draws)]));
      const batch = (): Uint32Array =>
        Uint32Array.from(labels.deal(classes).flatMap((label) => (decks.get(label) as Deck).deal(perClass)));
      return Array.from({ length }, batch);
    },
  };
}
