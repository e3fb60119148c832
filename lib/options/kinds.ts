/** Kinds of options that many functions have. */
import { OptionError } from '../errors.ts';
import { describe, expectFunction, expectSignal } from '../validate.ts';

/** How many of something there are, at least one. */
export const countOption = { type: 'number', min: 1, integer: true } as const;

/** By what similarities of float32 are divided. */
export const temperatureRange = { above: 0, divides: true } as const;

/** Of random numbers: an integer from 0 to 2^53 − 1. */
export const seedOption = { type: 'number', default: 0, min: 0, integer: true } as const;

/** The seed behind `seed`; behind the largest one comes 0. */
export const nextSeed = (seed: number): number => (seed === Number.MAX_SAFE_INTEGER ? 0 : seed + 1);

/** 'cpu', 'cuda[:N]', 'mps', 'auto'. */
export const deviceOption = {
  type: 'string',
  default: 'cpu',
  help: 'cpu, cuda, cuda:N, mps, or auto: cuda, else mps, else cpu',
} as const;

export const signalOption = { type: 'checked', check: expectSignal } as const;

/** A function of type F. */
export const functionOption = <F extends (...args: never[]) => unknown>() =>
  ({ type: 'checked', check: (name: string, value: F): F => expectFunction(name, value) }) as const;

/** The check of an object of a class. @param expected in words: 'a Module such as resnet18() returns'. */
export const instanceOf =
  <T extends object>(of: abstract new (...args: never[]) => object, expected: string) =>
  (name: string, value: T): T => {
    if (value instanceof of) return value;
    throw new OptionError(`${name} must be ${expected}, got ${describe(value)}`);
  };

/** The check of what `check` takes, or null. */
export const orNull =
  <Given, Checked>(check: (name: string, value: Given) => Checked) =>
  (name: string, value: Given | null): Checked | null =>
    value === null ? null : check(name, value);
