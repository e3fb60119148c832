import { checkOptions } from '../validate.ts';
import { fillValue, type Interpolation, interpolation, probability, type Range, symmetricRange } from './arguments.ts';

export interface WarpOptions {
  readonly interpolation?: Interpolation;
  /**
   * The value of pixels from outside the image, in [0, 1]; default 0, the black that torchvision's policies take for none
   * (which differs under 'bilinear' alone: the edge is then not blended with black a second time).
   */
  readonly fill?: number;
  readonly p?: number;
}

export interface RandomRotation {
  readonly kind: 'randomRotation';
  readonly degrees: Range;
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/**
 * Rotation about the centre, counter-clockwise; the size stays. Draws `angle` (degrees). Source: torchvision v2
 * RandomRotation without expand; interpolation 'nearest' by default, as there.
 *
 * @param degrees d for U(−d, d), or [min, max].
 */
export function randomRotation(degrees: number | Range, options: WarpOptions = {}): RandomRotation {
  const kind = 'randomRotation';
  checkOptions(kind, options, ['interpolation', 'fill', 'p']);
  return {
    kind,
    degrees: symmetricRange(`${kind}: degrees`, degrees),
    interpolation: interpolation(kind, options.interpolation ?? 'nearest'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
