/** A number that changes over a training: a temperature, the momentum of a key encoder. */

import { expectNumber, expectOneOf, type NumberRange } from '../validate.ts';
import { checkNames } from './names.ts';

/** `from` at the start of a training, `to` at its end, in a straight line or along half a cosine. */
export interface Ramp {
  readonly from: number;
  readonly to: number;
  readonly schedule: 'linear' | 'cosine';
}

/** Returns `value` when it is a number or a ramp inside the range; the message names `name`. @throws {OptionError} */
export function expectRamp(name: string, value: unknown, range: NumberRange): number | Ramp {
  if (value === null || typeof value !== 'object') return expectNumber(name, value, range);
  checkNames(name, value, ['from', 'to', 'schedule']);
  const { from, to, schedule } = value as Partial<Ramp>;
  return {
    from: expectNumber(`${name}.from`, from, range),
    to: expectNumber(`${name}.to`, to, range),
    schedule: expectOneOf(`${name}.schedule`, schedule, ['linear', 'cosine']),
  };
}

/** Its value when `progress` in [0, 1] of the training lies behind. */
export function rampAt(value: number | Ramp, progress: number): number {
  if (typeof value === 'number') return value;
  const { from, to, schedule } = value;
  const share = schedule === 'linear' ? progress : (1 - Math.cos(Math.PI * progress)) / 2;
  return from + (to - from) * share;
}
