/** What the schema of an operation says beyond its types: the names of its parameters, and what it does besides its results. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';

/** ' name', perhaps '=default', then a comma or the end of the list. */
const parameter = / (\w+)(?:=(?:\[[^\]]*\]|[^,)]*))?(?=,|\) ->)/g;

const schemaOf = (name: string): string => guard(() => loadAddon().schema(name));

/** The parameters of an operation in order, by the names of its schema ('self', 'other', 'alpha'). */
export function parameterNames(name: string): string[] {
  return [...schemaOf(name).matchAll(parameter)].map(([, found]) => found as string);
}

/**
 * Why a call of an operation is no pure function of its tensors, or undefined where it is one: it changes a tensor, draws
 * random numbers, or reads what is kept elsewhere.
 * @param args in the order of the schema.
 */
export function impurityOf(name: string, args: readonly unknown[]): string | undefined {
  const schema = schemaOf(name);
  const names = parameterNames(name);
  const given = (parameter: string): unknown => args[names.indexOf(parameter)];
  const training = names.find((each) => each === 'training' || each === 'train');
  if (schema.endsWith('-> ()')) return 'changes something and gives nothing';
  if (schema.startsWith('_')) return 'is for the library itself';
  if (training !== undefined && given(training)) return 'is in training mode';
  if (training === undefined && schema.includes('!')) return 'changes a tensor in place';
  if (names.includes('generator') || given('dropout_p')) return 'draws random numbers';
  return undefined;
}
