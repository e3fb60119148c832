/** Losses by name, so that a run's config can say which it is. A loss's file registers it. */
import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable, RampOption, ResolvedOf } from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import { resolveVariant } from '../options/resolve.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, expectOneOf } from '../validate.ts';

/** Keys of earlier batches, for `bank` of the losses. */
export interface KeyBank {
  /** float32 (keys, dim), rows of length one, without a gradient. */
  readonly features: Tensor;
  /** int64 (keys), when every sample has one. */
  readonly labels?: Tensor;
  /** int64 (keys) */
  readonly ids: Tensor;
}

/** What a loss may look at beside the features of a batch. */
export interface LossBatch {
  /** int32 (batch), when every sample has one and the loss uses them. */
  readonly labels?: Tensor | undefined;
  /** int64 (batch): which samples they are, where the trainer knows. */
  readonly ids?: Tensor | undefined;
  /** The views are a query and its key, of MoCo's second network. */
  readonly hasKeys?: boolean | undefined;
  /** With keys: those of earlier batches, once there are some. */
  readonly bank?: KeyBank | undefined;
}

export interface LossValue {
  /** scalar () */
  readonly loss: Tensor;
  /** int64 (): the anchors that had a positive, where the loss reports them. */
  readonly validAnchors?: Tensor;
}

/** Options at a step: of one that changes over a training, the number, or float64 (), where it does. */
type AtStep<T extends OptionTable> = {
  readonly [K in keyof ResolvedOf<T>]: K extends keyof T
    ? T[K] extends RampOption
      ? number | Tensor
      : ResolvedOf<T>[K]
    : never;
};

export interface LossDefinition<T extends OptionTable> {
  readonly name: string;
  /** Plain data, declared; of type 'ramp' are those that may change over a training. */
  readonly options: T;
  /** Default false. */
  readonly usesLabels?: boolean;
  /** What users call without a trainer; it takes options, so that a trainer refuses it as a loss of one's own. */
  readonly asFunction?: (features: Tensor, options: never) => Tensor;
  /** A function of tensors that reads no values. Features are float32 (batch, views, dim), with a gradient. */
  readonly loss: (features: Tensor, options: AtStep<T>, batch: LossBatch) => Tensor | LossValue;
}

declare const definedLoss: unique symbol;

/** A loss that `defineLoss` added, with its options as plain data. */
export interface DefinedLoss {
  readonly name: string;
  /** Of the type alone: what has this has been checked. */
  readonly [definedLoss]: true;
}

const definitions = new Map<string, LossDefinition<OptionTable>>();

/**
 * Adds a loss under a new name.
 * @returns a function from the loss's options to what a trainer takes as `loss`; its `name` is the loss's.
 * @throws {OptionError} a name that is taken.
 */
export function defineLoss<const T extends OptionTable>(
  definition: LossDefinition<T>,
): (options?: OptionsOf<T>) => DefinedLoss & OptionsOf<T> {
  const { name } = definition;
  if (definitions.has(name)) throw new OptionError(`a loss named '${name}' is already defined`);
  definitions.set(name, definition as unknown as LossDefinition<OptionTable>);
  const make = (options?: OptionsOf<T>) => checkLoss({ ...options, name }) as DefinedLoss & OptionsOf<T>;
  return Object.defineProperty(make, 'name', { value: name });
}

/** The options of each loss, by its name. */
export const lossVariants = (): Readonly<Record<string, OptionTable>> =>
  Object.fromEntries([...definitions].map(([name, { options }]) => [name, options]));

/** @throws {OptionError} an unknown name. */
export const optionsOfLoss = (name: string): OptionTable =>
  (definitions.get(expectOneOf('loss.name', name, [...definitions.keys()])) as LossDefinition<OptionTable>).options;

/**
 * @param loss a name, for its defaults, `{ name, … }`, or a function of the user's own.
 * @param where names it in messages.
 * @returns `{ name, … }` with its defaults, or the function.
 * @throws {OptionError} a wrong name or option; a function such as ntXentLoss, which takes options and no batch.
 */
export function checkLoss<Loss extends { readonly name: string }>(loss: Loss | string, where = 'loss'): Loss {
  if (typeof loss !== 'function')
    return resolveVariant(where, lossVariants(), loss, 'a name, { name, … } or a function') as unknown as Loss;
  const known = [...definitions.values()].find(({ asFunction }) => asFunction === (loss as unknown));
  if (known === undefined) return loss;
  throw new OptionError(
    `${where} must be '${known.name}' or { name: '${known.name}', … }, got the function ${known.asFunction?.name}, which is for use without a trainer`,
  );
}

/** A loss by name, ready to be called. */
export interface BoundLoss {
  readonly usesLabels: boolean;
  /** The options that change over a training, when `progress` in [0, 1] of it lies behind. */
  readonly numbersAt: (progress: number) => Readonly<Record<string, number>>;
  /**
   * @param features float32 (batch, views, dim)
   * @param numbers what `numbersAt` gave, each float64 ().
   */
  readonly call: (features: Tensor, batch: LossBatch, numbers: Readonly<Record<string, Tensor>>) => LossValue;
}

/** @throws {OptionError} as checkLoss. */
export function lossOf(spec: { readonly name: string }, where = 'loss'): BoundLoss {
  const { name, ...options } = checkLoss(spec, where);
  const { usesLabels = false, loss, options: declared } = definitions.get(name) as LossDefinition<OptionTable>;
  const ramps = Object.entries(options as Record<string, never>).filter(
    ([option, value]) => declared[option]?.type === 'ramp' && typeof value === 'object',
  );
  return {
    usesLabels,
    numbersAt: (progress) => Object.fromEntries(ramps.map(([option, ramp]) => [option, rampAt(ramp, progress)])),
    call: (features, batch, numbers) => {
      const value = loss(features, { ...options, ...numbers } as never, batch);
      if (value instanceof Tensor) return { loss: value };
      if (value?.loss instanceof Tensor) return value;
      throw new OptionError(`the loss '${name}' must return a Tensor, got ${describe(value)}`);
    },
  };
}

/** What a loss without labels takes of a batch, as its options: the bank has labels where the samples have. */
export const againstBank = ({ ids, bank, hasKeys }: LossBatch) => ({
  ids,
  bank: bank && { features: bank.features, ids: bank.ids },
  anchors: hasKeys ? ('queries' as const) : undefined,
});
