import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(1);

export interface AutocontrastOptions extends OptionsOf<typeof declared> {}
export interface Autocontrast extends TransformOf<'autocontrast', typeof declared> {}

/**
 * Stretches each channel: x → (x − min) / (max − min); a channel of one value stays. Any number of channels, each by
 * itself. Source: torchvision v2 RandomAutocontrast.
 *
 * @param options.p default 1.
 */
export function autocontrast(options: AutocontrastOptions = {}): Autocontrast {
  return transformOf('autocontrast', declared, options);
}
