/** What `contrastive train --method NAME` comes to: the method's options by flags, and the head that goes with it. */
import type { ProjectionHeadOptions } from '../encoders/projection-head.ts';
import { OptionError } from '../errors.ts';
import type { ContrastiveLossSpec } from '../losses/all.ts';
import type { Denominators } from '../losses/sup-con.ts';
import { barlowTwins } from '../methods/barlow-twins.ts';
import { byol } from '../methods/byol.ts';
import { dcl } from '../methods/dcl.ts';
import { dino } from '../methods/dino.ts';
import { moco } from '../methods/moco.ts';
import { nnclr } from '../methods/nnclr.ts';
import type { MethodSpec } from '../methods/registry.ts';
import { simclr } from '../methods/simclr.ts';
import { simsiam } from '../methods/simsiam.ts';
import { supcon } from '../methods/supcon.ts';
import { swav } from '../methods/swav.ts';
import { vicreg } from '../methods/vicreg.ts';
import type { Ramp } from '../options/ramp.ts';
import { flagOf } from './options.ts';

/** The flags that belong to some methods only. */
export interface MethodChoices {
  readonly variant?: 'out' | 'in' | undefined;
  readonly denominators?: Denominators | undefined;
  /** Of queries and keys. */
  readonly loss?: ContrastiveLossSpec['name'] | undefined;
  readonly weighted?: boolean | undefined;
  /** β of the weights of negatives. */
  readonly hardNegatives?: number | undefined;
  readonly temperature?: number | undefined;
  /** What the temperature comes to at the end, along half a cosine. */
  readonly temperatureEnd?: number | undefined;
  readonly teacherMomentum?: number | undefined;
  /** What that comes to at the end, along half a cosine. */
  readonly teacherMomentumEnd?: number | undefined;
  /** Keys. */
  readonly queue?: number | undefined;
  readonly symmetric?: boolean | undefined;
}

interface MethodRecipe {
  readonly flags: readonly (keyof MethodChoices)[];
  /** For small images; the method's own file says what was published. */
  readonly head: Omit<ProjectionHeadOptions, 'inFeatures'>;
  readonly specOf: (choices: MethodChoices) => MethodSpec;
}

/** `values` without those that were not chosen. */
const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;

const ramp = (from: number | undefined, to: number | undefined): number | Ramp | undefined =>
  from === undefined || to === undefined ? from : { from, to, schedule: 'cosine' };

const temperatureOf = ({ temperature = 0.1, temperatureEnd }: MethodChoices) => ({
  temperature: ramp(temperature, temperatureEnd) as number | Ramp,
});
const minedOf = ({ hardNegatives }: MethodChoices) =>
  hardNegatives === undefined ? {} : { hardNegatives: { concentration: hardNegatives } };
const supconOf = (choices: MethodChoices) => {
  const { variant = 'out', denominators } = choices;
  return { variant, ...temperatureOf(choices), ...given({ denominators }), ...minedOf(choices) };
};

function keyLossOf(choices: MethodChoices): ContrastiveLossSpec {
  const { loss = 'nt-xent' } = choices;
  if (loss === 'supcon') return { name: loss, ...supconOf(choices) };
  const named = { name: loss, ...temperatureOf(choices), ...minedOf(choices) };
  return named;
}

const temperatures = ['temperature', 'temperatureEnd'] as const;
const momenta = ['teacherMomentum', 'teacherMomentumEnd'] as const;
const small = { outFeatures: 128 };
/** For methods that want many dimensions. */
const expander = { layers: 3, batchNorm: 'hidden', hiddenFeatures: 1024, outFeatures: 1024 } as const;

export const methodRecipes = {
  supcon: {
    flags: ['variant', 'denominators', 'hardNegatives', ...temperatures],
    head: small,
    specOf: (choices) => supcon(supconOf(choices)),
  },
  simclr: {
    flags: ['hardNegatives', ...temperatures],
    head: small,
    specOf: (choices) => simclr({ ...temperatureOf(choices), ...minedOf(choices) }),
  },
  dcl: {
    flags: ['weighted', ...temperatures],
    head: small,
    specOf: (choices) => dcl({ ...temperatureOf(choices), ...given({ weighted: choices.weighted }) }),
  },
  moco: {
    flags: [
      ...(['loss', 'variant', 'denominators', 'hardNegatives', 'queue', 'symmetric'] as const),
      ...temperatures,
      ...momenta,
    ],
    head: small,
    specOf: (choices) => {
      const { queue: queueSize, symmetric, teacherMomentum = 0.99, teacherMomentumEnd } = choices;
      const momentum = ramp(teacherMomentum, teacherMomentumEnd);
      return moco({ loss: keyLossOf(choices), ...given({ momentum, queueSize, symmetric }) });
    },
  },
  byol: {
    flags: momenta,
    head: { batchNorm: 'hidden', hiddenFeatures: 512, outFeatures: 128 },
    specOf: ({ teacherMomentum = 0.99, teacherMomentumEnd = 1 }) =>
      byol({ predictorFeatures: 512, momentum: ramp(teacherMomentum, teacherMomentumEnd) as Ramp }),
  },
  simsiam: {
    flags: [],
    head: { batchNorm: 'all-but-scale', hiddenFeatures: 512, outFeatures: 512 },
    specOf: () => simsiam({ predictorFeatures: 128 }),
  },
  'barlow-twins': { flags: [], head: expander, specOf: () => barlowTwins({ lossScale: 0.001 }) },
  vicreg: {
    flags: [],
    head: expander,
    specOf: () => vicreg({ invarianceWeight: 1, varianceWeight: 1, covarianceWeight: 0.04 }),
  },
  nnclr: {
    flags: ['queue', ...temperatures],
    head: { layers: 3, batchNorm: 'all', hiddenFeatures: 512, outFeatures: 128 },
    specOf: (choices) => nnclr({ predictorFeatures: 512, queueSize: choices.queue ?? 4096, ...temperatureOf(choices) }),
  },
  swav: {
    flags: temperatures,
    head: { batchNorm: 'hidden', hiddenFeatures: 512, outFeatures: 128 },
    specOf: (choices) => swav({ prototypes: 256, ...temperatureOf(choices) }),
  },
  dino: {
    flags: [...temperatures, ...momenta],
    head: { layers: 3, activation: 'gelu', hiddenFeatures: 512, outFeatures: 128 },
    specOf: ({ teacherMomentum = 0.99, teacherMomentumEnd = 1, ...choices }) =>
      dino({
        prototypes: 1024,
        momentum: ramp(teacherMomentum, teacherMomentumEnd) as Ramp,
        ...temperatureOf(choices),
      }),
  },
} as const satisfies Readonly<Record<string, MethodRecipe>>;

export type MethodName = keyof typeof methodRecipes;

export const recipeNames = Object.keys(methodRecipes) as MethodName[];

/** Refuses flags of one method beside another. @throws {OptionError} */
export function checkMethodChoices(method: MethodName, choices: MethodChoices): void {
  const recipes: readonly (readonly [string, MethodRecipe])[] = Object.entries(methodRecipes);
  const all = new Set(recipes.flatMap(([, { flags }]) => flags));
  const own: readonly string[] = methodRecipes[method].flags;
  for (const flag of all) {
    if (choices[flag] === undefined || choices[flag] === false || own.includes(flag)) continue;
    const owners = recipes.filter(([, { flags }]) => flags.includes(flag)).map(([name]) => name);
    throw new OptionError(`--${flagOf(flag)} belongs to --method ${owners.join(' or ')}`);
  }
  const { loss = 'nt-xent', hardNegatives, variant, denominators } = choices;
  if (method !== 'moco') return;
  if (hardNegatives !== undefined && (loss === 'dcl' || loss === 'dclw'))
    throw new OptionError(`--hard-negatives goes with --loss nt-xent or supcon, got --loss ${loss}`);
  for (const [flag, value] of Object.entries({ variant, denominators }))
    if (value !== undefined && loss !== 'supcon')
      throw new OptionError(`--${flag} goes with --loss supcon, got --loss ${loss}`);
}
