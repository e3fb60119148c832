/**
 * What a recording of a module's forward pass is bound to, as text. It is asked for at each call of a compiled module, so
 * that a walk over the fields compares with the last one; text is made where something is another.
 */
import { StateError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { isTraining, stateOf } from './module-state.ts';
import { Parameter } from './parameter.ts';

/** What a walk meets, in its order: modules and tensors themselves, modes, and marks for the shape of the fields. */
type Met = object | string;

interface Known {
  readonly met: readonly Met[];
  readonly key: string | undefined;
}

const keys = new WeakMap<Module, Known>();
const serials = new WeakMap<object, number>();
let last = 0;

const nothing = '-';
const hooked = 'h';

/** As `Module.modeKey`. */
export function modeKeyOf(module: Module): string | undefined {
  const met: Met[] = [];
  const around: Module[] = [];
  walk(module, met, around);
  const known = keys.get(module);
  if (known !== undefined && isSame(known.met, met)) return known.key;
  const key = met.includes(hooked) ? undefined : met.map(textOf).join('');
  keys.set(module, { met, key });
  return key;
}

/** A mark stands for each field that holds nothing: what moves from one field to another is seen. */
function walk(value: unknown, met: Met[], around: Module[]): void {
  if (value instanceof Parameter) pushTensor(value, met);
  else if (value instanceof Module) walkFields(value, met, around);
  else if (Array.isArray(value)) for (const item of value) walk(item, met, around);
  else met.push(nothing);
}

function walkFields(module: Module, met: Met[], around: Module[]): void {
  const state = stateOf(module);
  const { isDisposed, hooks, buffers } = state;
  if (isDisposed) throw new StateError('this module was disposed');
  if (around.includes(module)) throw new StateError('a module must not be a part of itself');
  met.push(module, isTraining(state) ? 't' : 'e');
  if (hooks.size > 0) met.push(hooked);
  for (const buffer of buffers.values()) pushTensor(buffer, met);
  around.push(module);
  for (const value of Object.values(module)) walk(value, met, around);
  around.pop();
  met.push(')');
}

function pushTensor(tensor: Tensor, met: Met[]): void {
  if (tensor.isDisposed) throw new StateError('this tensor was disposed');
  met.push(tensor);
}

const isSame = (one: readonly Met[], other: readonly Met[]): boolean =>
  one.length === other.length && one.every((value, i) => value === other[i]);

/** An object as a number that no other one has or had. */
function textOf(value: Met): string {
  if (typeof value === 'string') return value;
  let serial = serials.get(value);
  if (serial === undefined) {
    serial = ++last;
    serials.set(value, serial);
  }
  return `${serial} `;
}
