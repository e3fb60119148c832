/**
 * Published recipes as pipelines: plain data that can be printed, edited and stored. Each quotes its source and says where
 * it differs.
 */
import type { OptionTable } from '../options/option.ts';
import type { Augmentation } from './augment.ts';
import { byol, byolOptions } from './presets/byol.ts';
import { cifar } from './presets/cifar.ts';
import { evaluation, evaluationOptions, imagenetEval } from './presets/evaluation.ts';
import { fineTune } from './presets/fine-tune.ts';
import { mocoV2, mocoV2Options } from './presets/moco-v2.ts';
import { dino, dinoOptions, swav, swavOptions } from './presets/multi-crop.ts';
import { type PresetOptions, presetOptions } from './presets/options.ts';
import { simclr, simclrOptions, simclrV2, simclrV2Options } from './presets/simclr.ts';
import { supcon, supconOptions } from './presets/supcon.ts';

export type { ByolPresetOptions } from './presets/byol.ts';
export type { EvaluationOptions } from './presets/evaluation.ts';
export type { MocoV2PresetOptions } from './presets/moco-v2.ts';
export type { MultiCropPresetOptions } from './presets/multi-crop.ts';
export type { PresetOptions } from './presets/options.ts';
export type { SimclrPresetOptions } from './presets/simclr.ts';
export type { SupconPresetOptions } from './presets/supcon.ts';

export const presets = {
  simclr,
  simclrV2,
  supcon,
  mocoV2,
  byol,
  swav,
  dino,
  cifar,
  fineTune,
  evaluation,
  imagenetEval,
} as const;

export type PresetName = keyof typeof presets;

/** The presets' options, by name. */
export const presetVariants = {
  simclr: simclrOptions,
  simclrV2: simclrV2Options,
  supcon: supconOptions,
  mocoV2: mocoV2Options,
  byol: byolOptions,
  swav: swavOptions,
  dino: dinoOptions,
  cifar: presetOptions,
  fineTune: presetOptions,
  evaluation: evaluationOptions,
  imagenetEval: presetOptions,
} as const satisfies Readonly<Record<PresetName, OptionTable>>;

/** The views of a preset by its name: one augmentation for all of them, or one each. @throws {OptionError} as the preset. */
export const presetViews = (name: PresetName, options: PresetOptions): Augmentation | Augmentation[] =>
  presets[name](options);
