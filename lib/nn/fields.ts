/** Fields of a module under the names that PyTorch would give them. */
import { types } from 'node:util';
import { StateError } from '../errors.ts';
import { isPlainObject } from '../validate.ts';

/** 'outProj' as PyTorch writes it: 'out_proj'. */
const pytorchName = (field: string): string =>
  field.replace(/(?<=[a-z\d])[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);

/** The values of an object's fields that `is` takes, those in arrays too, by name: 'out_proj', 'blocks.0'. */
export function fieldsOf<T>(object: object, is: (value: unknown) => value is T): [string, T][] {
  const search = (name: string, value: unknown): [string, T][] => {
    if (is(value)) return [[name, value]];
    return Array.isArray(value) ? value.flatMap((item, i) => search(`${name}.${i}`, item)) : [];
  };
  return Object.entries(object).flatMap(([field, value]) => search(pytorchName(field), value));
}

/** What a Map, a Set or a plain object holds; nothing of any other value. */
function heldBy(value: unknown): readonly unknown[] {
  if (types.isMap(value) || types.isSet(value)) return [...value.values()];
  return isPlainObject(value) ? Object.values(value) : [];
}

/** @throws {StateError} a field with a Map, Set or plain object of what `is` takes, where fieldsOf() does not look. */
export function checkHolders(object: object, is: (value: unknown) => boolean): void {
  for (const [field, value] of Object.entries(object))
    if (heldBy(value).some(is))
      throw new StateError(
        `${object.constructor.name}.${field} holds a module or a parameter in a Map, a Set or a plain object, where it is not found: ` +
          'hold it in a field of its own or in an array, or in a #private field if it is not to be trained',
      );
}
