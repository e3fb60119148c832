/** What `contrastive train --method NAME` comes to: the method's options by flags, and the head that goes with it. */
import type { PresetName } from '../augment/presets.ts';
import type { JsonObject } from '../checkpoint/run-config.ts';
import type { ProjectionHeadOptions } from '../encoders/projection-head.ts';
import { OptionError } from '../errors.ts';
import { isObject } from '../files/strict-json.ts';
import { lossVariants, optionsOfLoss } from '../losses/all.ts';
import { type MethodSpec, methodNames, optionsOfMethod } from '../methods/all.ts';
import { methodOfLossName } from '../methods/short-form.ts';
import type { OptionTable } from '../options/option.ts';
import { expectOneOf } from '../validate.ts';
import type { Variants } from './flags.ts';
import { chosenName, type Part, partOf, type Typed, withDefaults } from './parts.ts';

interface MethodDefaults {
  /** For small images; the method's own file says what was published. */
  readonly head: Omit<ProjectionHeadOptions, 'inFeatures'>;
  /** Options that are other ones than the method's own defaults, for small images too. */
  readonly options?: JsonObject;
  /** The preset of the views of images above 64 pixels. */
  readonly preset: PresetName;
}

const usual: MethodDefaults = { head: { outFeatures: 128 }, preset: 'simclr' };

/** For methods that want many dimensions. */
const expander = { layers: 3, batchNorm: 'hidden', hiddenFeatures: 1024, outFeatures: 1024 } as const;

const defaults: Readonly<Record<string, MethodDefaults>> = {
  supcon: { ...usual, preset: 'supcon' },
  moco: { ...usual, preset: 'mocoV2' },
  'moco-v3': {
    head: { batchNorm: 'all-but-scale', hiddenFeatures: 512, outFeatures: 128 },
    options: { predictorFeatures: 512 },
    preset: 'byol',
  },
  byol: {
    head: { batchNorm: 'hidden', hiddenFeatures: 512, outFeatures: 128 },
    options: { predictorFeatures: 512, momentum: { from: 0.99, to: 1, schedule: 'cosine' } },
    preset: 'byol',
  },
  simsiam: {
    head: { batchNorm: 'all-but-scale', hiddenFeatures: 512, outFeatures: 512 },
    options: { predictorFeatures: 128 },
    preset: 'mocoV2',
  },
  'barlow-twins': { head: expander, options: { lossScale: 0.001 }, preset: 'byol' },
  vicreg: {
    head: expander,
    options: { invarianceWeight: 1, varianceWeight: 1, covarianceWeight: 0.04 },
    preset: 'byol',
  },
  nnclr: {
    ...usual,
    head: { layers: 3, batchNorm: 'all', hiddenFeatures: 512, outFeatures: 128 },
    options: { predictorFeatures: 512, queueSize: 4096 },
  },
  swav: {
    head: { batchNorm: 'hidden', hiddenFeatures: 512, outFeatures: 128 },
    options: { prototypes: 256, epsilon: 0.02 },
    preset: 'swav',
  },
  dino: {
    head: { layers: 3, activation: 'gelu', hiddenFeatures: 512, outFeatures: 128 },
    options: { prototypes: 1024, momentum: { from: 0.99, to: 1, schedule: 'cosine' } },
    preset: 'dino',
  },
};

export const defaultsOfMethod = (name: string): MethodDefaults => defaults[name] ?? usual;

/** Methods to pre-train with; 'custom' is a loss in the place of a method. */
export const offeredMethods = (): readonly string[] => [
  ...methodNames().filter((name) => name !== 'cross-entropy' && name !== 'custom'),
  'custom',
];

/** Whether its loss is chosen by name. */
const takesLoss = (name: string): boolean => name === 'custom' || 'loss' in (optionsOfMethod(name) ?? {});

/** The methods' options, by name; where a loss is chosen, with those of `loss`, or of any. */
export function methodVariants(loss?: string): Variants {
  const ofLoss = loss === undefined ? Object.assign({}, ...Object.values(lossVariants())) : optionsOfLoss(loss);
  return Object.fromEntries(
    offeredMethods().map((name) => {
      const { loss: _, ...declared }: OptionTable = optionsOfMethod(name) ?? {};
      return [name, { ...withDefaults(declared, defaultsOfMethod(name).options), ...(takesLoss(name) && ofLoss) }];
    }),
  );
}

/**
 * The method that was typed, or that `--loss` without one stands for, as a trainer's `loss` does; a config's method that takes a
 * loss goes on with the one that was typed. Undefined where none was chosen.
 * @throws {OptionError} an unknown loss.
 */
export function typedMethod({ options, given }: Typed, config: JsonObject | undefined): Part | undefined {
  if (given.has('method')) return { name: String(options.method) };
  const before = String(config?.name);
  if (!given.has('loss') || (before !== 'custom' && takesLoss(before))) return undefined;
  const method = methodOfLossName(expectOneOf('loss', options.loss as string, Object.keys(lossVariants())));
  return method !== undefined && offeredMethods().includes(method.name) ? (method as Part) : { name: 'custom' };
}

/**
 * The method that was typed, with what was typed of its options, on top of a config's.
 * @param config its method, if there is one.
 * @param usualName the method where none was chosen.
 * @throws {OptionError} an unknown method; a flag of another method or loss.
 */
export function methodFrom(typed: Typed, config: JsonObject | undefined, usualName: string): MethodSpec {
  const short = typedMethod(typed, config);
  const chosen = short?.name ?? chosenName('method', typed, config?.name, usualName);
  const name = expectOneOf('method', chosen, methodNames());
  const isSame = Object.entries(short ?? { name }).every(([option, value]) => (config?.[option] ?? value) === value);
  const own = config?.name === name && isSame ? { ...config, ...short } : undefined;
  const usual = { ...defaultsOfMethod(name).options, ...short, name };
  if (!takesLoss(name)) {
    if (typed.given.has('loss') && typed.given.has('method'))
      throw new OptionError(
        `--loss belongs to --method ${offeredMethods().filter(takesLoss).join(' or ')}, got --method ${name}`,
      );
    return partOf('method', methodVariants(), typed, { config: own, usual });
  }
  const { loss: lossOfConfig, ...others }: JsonObject = own ?? usual;
  const before = isObject(lossOfConfig) ? (lossOfConfig as JsonObject) : undefined;
  const loss = chosenName('loss', typed, before?.name, 'nt-xent');
  if (!typed.given.has('loss') && !(loss in lossVariants()))
    throw new OptionError(
      `the loss '${loss}' of this training is none that is known here: --import FILE runs the file that defines it; one that is a function goes on in its own code, by a Trainer`,
    );
  const ofLoss = optionsOfLoss(loss);
  const flat = { ...others, ...(before?.name === loss && before), name };
  const { name: _, ...options } = partOf('method', methodVariants(loss), typed, { config: undefined, usual: flat });
  const pick = (isOfLoss: boolean): JsonObject =>
    Object.fromEntries(Object.entries(options).filter(([option]) => option in ofLoss === isOfLoss));
  return { name, ...pick(false), loss: { name: loss, ...pick(true) } } as MethodSpec;
}
