/** What presets of augmentation are told of a run's input. */
import type { PresetOptions } from '../augment/presets.ts';
import type { RunConfig } from './run-config.ts';

/** How the images of a run reach its encoder. */
export function presetInput({ size, mean, std, channels }: RunConfig['input']): PresetOptions {
  return { size, mean, std, ...((channels === 1 || channels === 3) && { channels }) };
}
