/** Checks of single values: ranges, choices, kinds. Shapes and dtypes are checked natively, options by their declarations. */
import { AbortError, OptionError } from './errors.ts';

/** A text for a message, cut in its middle where it is longer than `most` characters: paths differ at their ends. */
export function clip(text: string, most = 60): string {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 3) / 2);
  return `${text.slice(0, most - 3 - tail)}...${text.slice(text.length - tail)}`;
}

/** "3 (number)", "'adam' (string)", "null": what a message says of a value that was refused. Short, whatever it is. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `'${clip(value)}' (string)`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object') {
    const maker: unknown = value.constructor; // of JSON from a file it may be anything
    return `an object of type ${typeof maker === 'function' ? clip(String(maker.name)) : 'Object'}`;
  }
  return `${clip(String(value))} (${typeof value})`;
}

/** Whether a value was written `{ … }`, in whatever realm; an array, a Map or an instance of a class is none. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Letters added, left out, replaced, or swapped with the next one, for "did you mean". */
function distance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(substitute, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}

/** `known`, those first that are written most like `name`. */
export const byNearness = (name: string, known: readonly string[]): string[] =>
  known
    .map((candidate) => ({ candidate, d: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((x, y) => x.d - y.d)
    .map(({ candidate }) => candidate);

/** The known name nearest to `name`, when it is near enough to be a misspelling of it. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 100) return undefined;
  const [first] = byNearness(name, known);
  const isNear =
    first !== undefined &&
    distance(name.toLowerCase(), first.toLowerCase()) <= Math.max(1, Math.round(name.length / 3));
  return isNear ? first : undefined;
}

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** The value must be larger than this. */
  readonly above?: number;
  readonly integer?: boolean;
  /** Tensors of float32 are divided by it: neither it nor its inverse may overflow there. */
  readonly divides?: boolean;
}

/** Returns `value` when it is a finite number inside the range; the message names `name`. */
export function expectNumber(name: string, value: unknown, range: NumberRange = {}): number {
  const { min, max, above, integer, divides } = range;
  const ok =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (!integer || Number.isSafeInteger(value)) &&
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (max === undefined || value <= max);
  if (ok && divides && ![value, 1 / value].every((each) => Number.isFinite(Math.fround(each))))
    throw new OptionError(`${name} and its inverse must be finite in float32, got ${describe(value)}`);
  if (ok) return value;
  const bounds = [
    above === undefined ? '' : `> ${above}`,
    min === undefined ? '' : `>= ${min}`,
    max === undefined ? '' : `<= ${max}`,
  ].filter(Boolean);
  const kind = integer ? 'an integer' : 'a finite number';
  const expected = bounds.length === 0 ? kind : `${kind} ${bounds.join(' and ')}`;
  throw new OptionError(`${name} must be ${expected}, got ${describe(value)}`);
}

export function expectOneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (typeof value === 'string' && (choices as readonly string[]).includes(value)) return value as T;
  const near = typeof value === 'string' ? nearest(value, choices) : undefined;
  const hint = near === undefined ? '' : `; did you mean '${near}'?`;
  throw new OptionError(
    `${name} must be one of ${choices.map((c) => `'${c}'`).join(', ')}, got ${describe(value)}${hint}`,
  );
}

export function expectString(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0) return value;
  throw new OptionError(`${name} must be a non-empty string, got ${describe(value)}`);
}

export function expectBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new OptionError(`${name} must be true or false, got ${describe(value)}`);
}

/** Of images: 1, gray, or 3. */
export function expectChannels(name: string, value: 1 | 3): 1 | 3 {
  if (value === 1 || value === 3) return value;
  throw new OptionError(`${name} must be 1 or 3, got ${describe(value)}`);
}

/** Returns `value` when it is a colour as '#rrggbb'. */
export function expectColour(name: string, value: string): string {
  if (typeof value === 'string' && /^#[\da-f]{6}$/i.test(value)) return value;
  throw new OptionError(`${name} must be a colour as '#rrggbb', got ${describe(value)}`);
}

/** As expectString, and empty too. */
export function expectText(name: string, value: string): string {
  if (typeof value === 'string') return value;
  throw new OptionError(`${name} must be a string, got ${describe(value)}`);
}

export function expectFunction<F extends (...args: never[]) => unknown>(name: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new OptionError(`${name} must be a function, got ${describe(value)}`);
}

export function expectSignal(name: string, value: AbortSignal): AbortSignal {
  if (typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function') return value;
  throw new OptionError(`${name} must be an AbortSignal, got ${describe(value)}`);
}

/** Throws an AbortError when the signal has fired, an OptionError when it is no signal. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal !== undefined && expectSignal('signal', signal).aborted)
    throw new AbortError(undefined, { cause: signal.reason });
}
