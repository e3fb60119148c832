/** Methods by name: what a method declares, and from plain data to a method. A method's file defines it. */
import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe, expectOneOf } from '../validate.ts';
import type { Method, MethodParts } from './method.ts';
import type { NetworkParts } from './network.ts';

/** A method as plain data, as a run's config keeps it: its name and its options. */
export interface MethodSpec {
  readonly name: string;
}

/** What a method has to go with. */
export interface Around extends NetworkParts {
  /** Views of each sample. */
  readonly views: number;
  /** Samples of a step; undefined while this follows from data that are not known yet. */
  readonly batchSize: number | undefined;
  /** Samples that go through the encoder at once; less than `batchSize` where gradients are cached. */
  readonly microBatch: number | undefined;
}

export type LabelUse = 'required' | 'optional' | 'none';

/** A method, declared once. */
export interface MethodDefinition<Options extends object, Checked extends object> {
  /** As a run's config and `--method` have it. */
  readonly name: string;
  /** Declares its options: flags and rows of the docs come from here, and without a `check` the check. */
  readonly options?: OptionTable;
  /** Fills in the defaults of what users give. @throws {OptionError} */
  readonly check: (options: Options) => Checked;
  /** Whether the loss looks at labels: it needs them, takes them where every sample has one, or does not. Default 'none'. */
  readonly labels?: LabelUse | ((options: Checked) => LabelUse);
  /** Whether the loss tells samples apart by their ids. Default false. */
  readonly usesIds?: boolean;
  /** Whether the loss compares the samples of a batch with each other: one alone then teaches nothing. Default false. */
  readonly comparesBatch?: boolean;
  /** Whether contrastive metrics say something of its features. Default true. */
  readonly hasMetrics?: boolean;
  /** The least and the largest number of views that it takes. Default: any. */
  readonly views?: readonly [least: number, most: number];
  /** Whether it is made as a FeatureMethod, and goes with `microBatch`. Default false. */
  readonly isOfFeatures?: boolean;
  /** Refuses what else it does not go with. @throws {OptionError} */
  readonly refuse?: (options: Checked, around: Around) => void;
  readonly make: (options: Checked, parts: MethodParts) => Method;
}

/** A method for given options. */
export interface BoundMethod
  extends Required<
    Omit<MethodDefinition<never, never>, 'name' | 'options' | 'check' | 'labels' | 'views' | 'refuse' | 'make'>
  > {
  readonly spec: MethodSpec;
  readonly labels: LabelUse;
  make(parts: MethodParts): Method;
  /** @throws {OptionError} the method does not go with what is around. */
  expectFit(around: Around): void;
}

type AnyDefinition = MethodDefinition<object, object>;

const definitions = new Map<string, AnyDefinition>();

/** A definition whose options are all declared, so that it needs no check of its own. */
export type DeclaredMethod<T extends OptionTable> = Omit<
  MethodDefinition<OptionsOf<T>, ResolvedOf<T>>,
  'options' | 'check'
> & { readonly options: T; readonly check?: undefined };

/**
 * Adds a method under a new name.
 * @returns the function by which users ask for it: options to checked plain data, `{ name, … }`.
 * @throws {OptionError} a name that is taken.
 */
export function defineMethod<Name extends string, const T extends OptionTable>(
  definition: DeclaredMethod<T> & { readonly name: Name },
): (options?: OptionsOf<T>) => { readonly name: Name } & ResolvedOf<T>;
export function defineMethod<Name extends string, Options extends object, Checked extends object>(
  definition: MethodDefinition<Options, Checked> & { readonly name: Name },
): (options?: Options) => { readonly name: Name } & Checked;
export function defineMethod(definition: {
  readonly name: string;
  readonly options?: OptionTable;
  readonly check?: ((options: never) => object) | undefined;
}): unknown {
  const { name, options: declared = {} } = definition;
  if (definitions.has(name)) throw new OptionError(`a method named '${name}' is already registered`);
  const resolve = (options: object): object => resolveOptions(name, declared, options, `${name}.`);
  const { check = resolve } = definition as Partial<AnyDefinition>;
  definitions.set(name, { ...(definition as AnyDefinition), check });
  return (options: object = {}): MethodSpec => ({ name, ...check(options) });
}

/** The options of a method, declared; undefined where there is no such method. */
export const optionsOfMethod = (name: string): OptionTable | undefined => definitions.get(name)?.options;

export const methodNames = (): readonly string[] => [...definitions.keys()];

/** @param method a name, for its defaults, or `{ name, … }`. @throws {OptionError} an unknown name, or a wrong option. */
export function methodOf(method: string | MethodSpec): BoundMethod {
  if (typeof method !== 'string' && (method === null || typeof method !== 'object'))
    throw new OptionError(`method must be what a method such as simclr() returns, or a name, got ${describe(method)}`);
  const { name, ...options } = typeof method === 'string' ? { name: method } : method;
  const known = expectOneOf('method', name, methodNames());
  const definition = definitions.get(known) as AnyDefinition;
  const checked = definition.check(options);
  const {
    labels = 'none',
    usesIds = false,
    comparesBatch = false,
    hasMetrics = true,
    isOfFeatures = false,
  } = definition;
  return {
    spec: { name: known, ...checked },
    labels: typeof labels === 'function' ? labels(checked) : labels,
    ...{ usesIds, comparesBatch, hasMetrics, isOfFeatures },
    make: (parts) => definition.make(checked, parts),
    expectFit: (around) => {
      expectViews(definition, around);
      expectWholeBatch(definition, around);
      definition.refuse?.(checked, around);
    },
  };
}

function expectViews({ name, views: [least, most] = [1, Number.POSITIVE_INFINITY] }: AnyDefinition, { views }: Around) {
  if (views >= least && views <= most) return;
  const expected =
    least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `>= ${least}` : `${least} to ${most}`;
  throw new OptionError(`the method '${name}' takes ${expected} views, got ${views}`);
}

function expectWholeBatch({ name, isOfFeatures }: AnyDefinition, { batchSize, microBatch }: Around) {
  if (isOfFeatures || batchSize === undefined || microBatch === undefined || microBatch >= batchSize) return;
  throw new OptionError(
    `the method '${name}' does not go with microBatch: its loss is no function of the features alone; expected a batchSize of ${microBatch} instead, got ${batchSize}`,
  );
}
