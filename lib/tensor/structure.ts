/** Tensors inside arrays and plain objects: taken out, and put back. */
import { OptionError } from '../errors.ts';
import { describe, isPlainObject } from '../validate.ts';
import { Tensor } from './tensor.ts';

/** A value with tensors in it, apart: the tensors in order, and what is around them. */
export interface Structure {
  readonly tensors: readonly Tensor[];
  /** The value again, with other tensors in the places of its own. */
  readonly rebuild: (tensors: readonly Tensor[]) => unknown;
  /** Equal for equal structures: names, lengths and constants. */
  readonly key: string;
}

type Part = (next: () => Tensor) => unknown;

/** A shape, an order. */
const isListOfNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'number');

/**
 * @param numberTensor makes a tensor of a number; without it, numbers are constants, as lists of them always are.
 * @throws {OptionError} something that is neither a tensor nor plain data; `where` names it.
 */
export function structureOf(where: string, value: unknown, numberTensor?: (value: number) => Tensor): Structure {
  const tensors: Tensor[] = [];
  const keys: string[] = [];
  const leaf = (tensor: Tensor): Part => {
    tensors.push(tensor);
    keys.push('T');
    return (next) => next();
  };
  const constant = (key: string, value: unknown): Part => {
    keys.push(key);
    return () => value;
  };
  const walk = (name: string, value: unknown): Part => {
    if (value instanceof Tensor) return leaf(value);
    if (typeof value === 'number') return numberTensor ? leaf(numberTensor(value)) : constant(String(value), value);
    if (typeof value === 'bigint') return constant(`${value}n`, value);
    if (value === undefined || value === null || typeof value === 'boolean') return constant(String(value), value);
    if (typeof value === 'string') return constant(JSON.stringify(value), value);
    if (isListOfNumbers(value)) {
      keys.push(JSON.stringify(value));
      const own = [...value];
      return () => [...own];
    }
    if (Array.isArray(value)) {
      keys.push('[');
      const parts = value.map((item, i) => walk(`${name}[${i}]`, item));
      keys.push(']');
      return (next) => parts.map((part) => part(next));
    }
    if (isPlainObject(value)) {
      keys.push('{');
      const parts = Object.entries(value).map(([key, item]) => {
        keys.push(JSON.stringify(key));
        return [key, walk(`${name}.${key}`, item)] as const;
      });
      keys.push('}');
      return (next) => Object.fromEntries(parts.map(([key, part]) => [key, part(next)]));
    }
    throw new OptionError(
      `${name} must be a tensor, a number, a string, a boolean or an array or plain object of such, got ${describe(value)}`,
    );
  };
  const part = walk(where, value);
  return {
    tensors,
    key: keys.join(' '),
    rebuild: (others) => {
      let i = 0;
      return part(() => others[i++] as Tensor);
    },
  };
}
