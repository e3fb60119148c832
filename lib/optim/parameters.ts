/** What an optimizer updates. */
import { types } from 'node:util';
import { DTypeError, errorOf, OptionError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, isPlainObject } from '../validate.ts';

/** `module.parameters()`, or named: `module.namedParameters()`. Names appear in the state dict; without them, indices. */
export type Parameters = Iterable<Tensor> | ReadonlyMap<string, Tensor>;

/** Parameters by their names, else by their indices. @throws {OptionError} none, what is no parameter, or one twice. */
export function named(parameters: Parameters): Map<string, Tensor> {
  const list = typeof parameters?.[Symbol.iterator] === 'function' ? [...parameters] : undefined;
  if (list === undefined || list.length === 0)
    throw new OptionError(`parameters must be a non-empty iterable of tensors, got ${describe(parameters)}`);
  const entries = types.isMap(parameters) ? [...parameters] : list.map((value, i) => [String(i), value]);
  for (const [name, value] of entries as [string, unknown][]) checkParameter(name, value);
  checkOnce(entries as [string, Tensor][]);
  return new Map(entries as [string, Tensor][]);
}

/** One that is there twice would be updated twice, and counted twice in the gradient's norm. */
function checkOnce(entries: readonly (readonly [string, Tensor])[]): void {
  const names = new Map<Tensor, string>();
  for (const [name, value] of entries) {
    const first = names.get(value);
    if (first !== undefined)
      throw new OptionError(`parameters must hold each tensor once; '${first}' and '${name}' are the same`);
    names.set(value, name);
  }
}

function checkParameter(name: string, value: unknown): void {
  if (isPlainObject(value) && 'params' in value)
    throw new OptionError(
      "parameters must hold tensors, got { params, … }; groups are rules by name: namedParameters(), and the option groups: [{ match: 'conv1.*', lrFactor: 0.1 }]",
    );
  if (!(value instanceof Tensor))
    throw new OptionError(`parameters must hold tensors; '${name}' is ${describe(value)}`);
  if (!['float32', 'float64', 'bfloat16', 'float16'].includes(value.dtype))
    throw new DTypeError(`parameter '${name}' must be floating point, got ${value.dtype}`);
  if (!value.requiresGrad || !value.isLeaf)
    throw errorOf('ERR_AUTOGRAD', `parameter '${name}' must be a leaf tensor that requires a gradient`);
}
