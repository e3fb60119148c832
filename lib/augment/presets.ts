/**
 * Published recipes as pipelines: plain data that can be printed, edited and stored. Each quotes its source and says where
 * it differs.
 */
import { byol } from './presets/byol.ts';
import { cifar } from './presets/cifar.ts';
import { evaluation, imagenetEval } from './presets/evaluation.ts';
import { fineTune } from './presets/fine-tune.ts';
import { mocoV2 } from './presets/moco-v2.ts';
import { dino, swav } from './presets/multi-crop.ts';
import { simclr, simclrV2 } from './presets/simclr.ts';
import { supcon } from './presets/supcon.ts';

export type { EvaluationOptions } from './presets/evaluation.ts';
export type { MultiCropPresetOptions } from './presets/multi-crop.ts';
export type { PresetOptions } from './presets/options.ts';
export type { SimclrPresetOptions } from './presets/simclr.ts';

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
