import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface Autocontrast {
  readonly kind: 'autocontrast';
  readonly p: number;
}

/**
 * Stretches each channel: x → (x − min) / (max − min); a channel of one value stays. Any number of channels, each by
 * itself. Source: torchvision v2 RandomAutocontrast.
 *
 * @param options.p default 1.
 */
export function autocontrast(options: { readonly p?: number } = {}): Autocontrast {
  const kind = 'autocontrast';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 1) };
}
