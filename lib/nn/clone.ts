/** `Module.clone()`: copies of the fields, without the constructor. */
import { noGrad } from '../tensor/modes.ts';
import { Module } from './module.ts';
import { stateOf } from './module-state.ts';
import { Parameter } from './parameter.ts';

/**
 * A deep copy of modules, parameters and buffers, and of the arrays that hold them; what is shared inside stays shared.
 * @param copies of what was copied before.
 */
export function copyOf(value: unknown, copies = new Map<unknown, unknown>()): unknown {
  const known = copies.get(value);
  if (known !== undefined) return known;
  const note = <T>(copy: T): T => {
    copies.set(value, copy);
    return copy;
  };
  if (value instanceof Parameter)
    return note(
      new Parameter(
        noGrad(() => value.clone()),
        { requiresGrad: value.requiresGrad },
      ),
    );
  if (Array.isArray(value)) return note(value.map((item) => copyOf(item, copies)));
  if (!(value instanceof Module)) return value;
  const copy = note(Object.create(Object.getPrototypeOf(value)) as Module);
  const { training, buffers } = stateOf(value);
  stateOf(copy).training = training;
  for (const [name, buffer] of buffers) {
    const own = copies.get(buffer) ?? noGrad(() => buffer.clone());
    copies.set(buffer, own); // a field may hold the buffer too, and another part share it
    copy.registerBuffer(name, own as typeof buffer);
  }
  for (const [field, item] of Object.entries(value))
    Object.defineProperty(copy, field, {
      configurable: true,
      enumerable: true,
      writable: true,
      value: copyOf(item, copies),
    });
  return copy;
}
