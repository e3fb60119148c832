/** What the schema of an operation says beyond its types: its parameters, and what it does besides its results. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';

export interface Parameter {
  readonly name: string;
  readonly isDevice: boolean;
  /** Of a list such as int[2], in whose place one number may stand; 1 for int[]. */
  readonly length: number | undefined;
  /** undefined where there is none, or None. */
  readonly byDefault: unknown;
}

const schemaOf = (name: string): string => guard(() => loadAddon().schema(name));

const read = new Map<string, readonly Parameter[]>();

/** The parameters of an operation in order, by the names of its schema ('self', 'other', 'alpha'). */
export function parametersOf(name: string): readonly Parameter[] {
  let parameters = read.get(name);
  if (parameters === undefined) {
    parameters = parse(schemaOf(name));
    read.set(name, parameters);
  }
  return parameters;
}

export const parameterNames = (name: string): string[] => parametersOf(name).map((parameter) => parameter.name);

function parse(schema: string): Parameter[] {
  const plain = schema.replace(/\([a-z]!?(?: -> \*)?\)/g, ''); // without what says of aliases: Tensor(a!)
  const list = plain.slice(plain.indexOf('(') + 1, plain.lastIndexOf(') -> '));
  const items = list.match(/(?:\[[^\]]*\]|"[^"]*"|[^,])+/g) ?? []; // at commas outside brackets
  return items.flatMap((item) => {
    const [, type, name, value] = /^\s*(\S+) (\w+)(?:=(.*))?$/.exec(item) ?? [];
    if (type === undefined || name === undefined) return []; // the * before keywords
    const length = /\[(\d*)\]/.exec(type)?.[1];
    const isDevice = /^Device\??$/.test(type);
    return [
      { name, isDevice, length: length === undefined ? undefined : Number(length || 1), byDefault: defaultOf(value) },
    ];
  });
}

function defaultOf(text: string | undefined): unknown {
  if (text === undefined || text === 'None') return undefined;
  if (text === 'True' || text === 'False') return text === 'True';
  if (text.startsWith('[') || text.startsWith('"')) return JSON.parse(text);
  return Number(text);
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
