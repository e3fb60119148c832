/** Parameters that are updated with a learning rate or a weight decay of their own, by rules that are plain data. */
import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import type { Ramp } from '../options/ramp.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { clip, describe } from '../validate.ts';
import { layersOf } from './layers.ts';

const ruleOptions = {
  /** A name as namedParameters() has it; * stands for any text. A trainer's begin with 'encoder.' or 'head.'. */
  match: { type: 'string', required: true },
  /** Multiplies the learning rate. 0 keeps the parameters as they are. Default 1. */
  lrFactor: { type: 'number', default: 1, min: 0 },
  /** In place of the optimizer's; of biases and normalisation that `excludeBiasAndNorm` leaves out too. */
  weightDecay: { type: 'ramp', min: 0 },
} as const satisfies OptionTable;

/** What is different for the parameters whose name fits. */
export interface ParameterRule extends OptionsOf<typeof ruleOptions> {}

type Rule = ResolvedOf<typeof ruleOptions>;

function checkRules(name: string, rules: readonly ParameterRule[]): readonly Rule[] {
  if (!Array.isArray(rules)) throw new OptionError(`${name} must be an array of { match, … }, got ${describe(rules)}`);
  return rules.map((rule, i) => resolveOptions(`${name}[${i}]`, ruleOptions, rule, `${name}[${i}].`));
}

/** Options that every optimizer has for its parameters' groups. */
export const groupOptions = {
  /**
   * Rules for parameters by name, in order: factors multiply, and of several weight decays the last counts. Each must fit one
   * parameter at least.
   */
  groups: { type: 'checked', check: checkRules, default: [] },
  /**
   * Multiplies the learning rate by layerDecay^(layers above), so that layers near the input, whose features are general,
   * change less: for fine-tuning. A layer is a block of the network (`layersOf`). Default 1: the same rate for all.
   * Source: Clark et al. 2020, arXiv:2003.10555, appendix; for vision transformers Bao et al. 2022, arXiv:2106.08254.
   */
  layerDecay: {
    type: 'number',
    default: 1,
    above: 0,
    max: 1,
    help: 'factor of the learning rate from a layer to the one before it',
  },
} as const satisfies OptionTable;

/** Parameters that are updated alike. */
export interface Group {
  readonly rateFactor: number;
  readonly weightDecay: number | Ramp;
  /** Of parameters of one dimension that shall have no adaptation, and no weight decay but a rule's. */
  readonly isExcluded: boolean;
}

export interface Grouping {
  /** Of each parameter, its group's place in `groups`. */
  readonly of: readonly number[];
  readonly groups: readonly Group[];
}

/** Whether a name fits a pattern in which * stands for any text. */
function fits(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

export interface GroupingOptions extends ResolvedOf<typeof groupOptions> {
  readonly weightDecay: number | Ramp;
  readonly excludeBiasAndNorm: boolean;
}

/** @throws {OptionError} a rule that fits no name. */
export function groupParameters(
  parameters: ReadonlyMap<string, Tensor>,
  { groups: rules, layerDecay, weightDecay, excludeBiasAndNorm }: GroupingOptions,
): Grouping {
  const names = [...parameters.keys()];
  rules.forEach(({ match }, i) => {
    if (!names.some((name) => fits(name, match)))
      throw new OptionError(`groups[${i}].match fits no parameter, got '${clip(match)}'; the first is '${names[0]}'`);
  });
  const layers = layerDecay === 1 ? names.map(() => 0) : layersOf(names);
  const last = Math.max(...layers);
  const places = new Map<string, number>();
  const groups: Group[] = [];
  const of = [...parameters].map(([name, parameter], i) => {
    const own = rules.filter(({ match }) => fits(name, match));
    const isExcluded = excludeBiasAndNorm && parameter.shape.length <= 1;
    const ofRule = own.findLast((rule) => rule.weightDecay !== undefined)?.weightDecay;
    const layerFactor = layerDecay ** (last - (layers[i] as number));
    const group = {
      rateFactor: own.reduce((factor, { lrFactor }) => factor * lrFactor, layerFactor),
      weightDecay: ofRule ?? (isExcluded ? 0 : weightDecay),
      isExcluded,
    };
    const key = JSON.stringify(group);
    const place = places.get(key) ?? groups.push(group) - 1;
    places.set(key, place);
    return place;
  });
  return { of, groups };
}
