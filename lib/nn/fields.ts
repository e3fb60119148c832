/** Fields of a module under the names that PyTorch would give them. */

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
