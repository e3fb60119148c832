/** A number that changes over a training: a temperature, the momentum of a key encoder. */
import { checkOptions, expectNumber, expectOneOf, type NumberRange } from '../validate.ts';

/** `from` at the start of a training, `to` at its end, in a straight line or along half a cosine. */
export interface Ramp {
  readonly from: number;
  readonly to: number;
  readonly schedule: 'linear' | 'cosine';
}

/** Checks a number or a ramp; `name` is the option's. @throws {OptionError} */
export function checkRamp(name: string, value: number | Ramp, bounds: NumberRange): void {
  if (value === null || typeof value !== 'object') {
    expectNumber(name, value, bounds);
    return;
  }
  checkOptions(name, value, ['from', 'to', 'schedule']);
  expectNumber(`${name}.from`, value.from, bounds);
  expectNumber(`${name}.to`, value.to, bounds);
  expectOneOf(`${name}.schedule`, value.schedule, ['linear', 'cosine']);
}

/** Its value when `progress` in [0, 1] of the training lies behind. */
export function rampAt(value: number | Ramp, progress: number): number {
  if (typeof value === 'number') return value;
  const { from, to, schedule } = value;
  const share = schedule === 'linear' ? progress : (1 - Math.cos(Math.PI * progress)) / 2;
  return from + (to - from) * share;
}
