/** Options that are numbers for samples. */
import { OptionError } from '../../errors.ts';
import { describe, expectNumber, type NumberRange } from '../../validate.ts';

/** The check of an array whose numbers are in `range`. */
export const expectNumbers =
  (range: NumberRange) =>
  (name: string, value: readonly number[]): readonly number[] => {
    if (!Array.isArray(value)) throw new OptionError(`${name} must be an array of numbers, got ${describe(value)}`);
    return value.map((number, i) => expectNumber(`${name}[${i}]`, number, range));
  };
