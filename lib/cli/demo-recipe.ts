/** What the demo trains: one recipe, by three methods, from the same start. */
import { makeEncoder } from '../encoders/all.ts';
import type { MethodSpec } from '../methods/all.ts';
import { simclr } from '../methods/simclr.ts';
import { supcon } from '../methods/supcon.ts';
import { parseData, profileOf } from './data-option.ts';
import { usualOptimizer, usualSchedule } from './optimizers.ts';
import { type RecipeChoices, recipeOf } from './recipe.ts';
import { makeTraining, type Training } from './training.ts';

export const bundled = parseData('fashion-mnist:bundled');

/** The best that was found for a minute a method, on fast and slow machines: many small steps, and strong jitter. */
export const recipe = {
  encoder: { name: 'resnet18', width: 16 },
  headDim: 128,
  optimizer: usualOptimizer(),
  schedule: usualSchedule,
  preset: { name: 'supcon', strength: 2 },
  batchSize: 64,
} as const;

export const temperature = 0.1;

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
  { epochs, batchSize, precision }: Pick<RecipeChoices, 'epochs' | 'batchSize' | 'precision'>,
  { method }: { readonly method: MethodSpec },
  { device, seed }: DemoChoices,
): Training {
  const spec = recipeOf({ ...recipe, method, epochs, batchSize, precision, seed }, profileOf(bundled));
  return makeTraining(spec, makeEncoder(spec.encoder), device);
}
