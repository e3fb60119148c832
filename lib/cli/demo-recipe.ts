/** What the demo trains: one recipe, by three methods, from the same start. */
import { makeEncoder } from '../encoders/all.ts';
import type { MethodSpec } from '../methods/all.ts';
import { simclr } from '../methods/simclr.ts';
import { supcon } from '../methods/supcon.ts';
import { json } from '../train/config-of.ts';
import type { PartialConfig } from './config-file.ts';
import { dataText, parseData, profileOf } from './data-option.ts';
import { readRecipe } from './recipe-file.ts';
import { specOfConfig } from './train-config.ts';
import { makeTraining, type Training, type TrainingSpec } from './training.ts';

type Named = 'encoder' | 'method' | 'optimizer' | 'preset' | 'batchSize' | 'data';

export const recipe = (await readRecipe('demo')).training as PartialConfig & Required<Pick<PartialConfig, Named>>;

export const bundled = parseData(dataText(recipe.data));

export const temperature = recipe.method.temperature as number;

export const methods = [
  { title: 'SimCLR', method: simclr({ temperature }) },
  { title: 'SupCon (out)', method: supcon({ variant: 'out', temperature }) },
  { title: 'SupCon (in)', method: supcon({ variant: 'in', temperature }) },
] as const;

/** What a caller of the demo may choose of it. */
export interface DemoChoices {
  readonly device: string;
  readonly seed: number;
}

/** A training, with its encoder as the seed makes it. The caller disposes it. */
export function prepareDemo(
  { epochs, batchSize, precision }: Required<Pick<TrainingSpec, 'epochs' | 'batchSize' | 'precision'>>,
  { method }: { readonly method: MethodSpec },
  { device, seed }: DemoChoices,
): Training {
  const chosen = { method: json(method) as TrainingSpec['method'], epochs, batchSize, precision, seed };
  const spec = specOfConfig({ ...recipe, ...chosen }, profileOf(bundled));
  return makeTraining(spec, makeEncoder(spec.encoder), device);
}
