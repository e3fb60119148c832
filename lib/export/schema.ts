/** What an operation takes, read from its schema in libtorch's language. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';

export interface Parameter {
  readonly name: string;
  /** Of a list such as int[2], in whose place one number may stand; 1 for int[]. */
  readonly length: number | undefined;
  /** undefined where there is none, or None. */
  readonly byDefault: unknown;
}

const schemas = new Map<string, readonly Parameter[]>();

/** The parameters of an operation, in order. */
export function parametersOf(operation: string): readonly Parameter[] {
  let parameters = schemas.get(operation);
  if (parameters === undefined) {
    parameters = parse(guard(() => loadAddon().schema(operation)));
    schemas.set(operation, parameters);
  }
  return parameters;
}

function parse(schema: string): Parameter[] {
  const plain = schema.replace(/\([a-z]!?(?: -> \*)?\)/g, ''); // without what says of aliases: Tensor(a!)
  const list = plain.slice(plain.indexOf('(') + 1, plain.lastIndexOf(') -> '));
  const items = list.match(/(?:\[[^\]]*\]|"[^"]*"|[^,])+/g) ?? []; // at commas outside brackets
  return items.flatMap((item) => {
    const [, type, name, value] = /^\s*(\S+) (\w+)(?:=(.*))?$/.exec(item) ?? [];
    if (type === undefined || name === undefined) return []; // the * before keywords
    const length = /\[(\d*)\]/.exec(type)?.[1];
    return [{ name, length: length === undefined ? undefined : Number(length || 1), byDefault: defaultOf(value) }];
  });
}

function defaultOf(text: string | undefined): unknown {
  if (text === undefined || text === 'None') return undefined;
  if (text === 'True' || text === 'False') return text === 'True';
  if (text.startsWith('[') || text.startsWith('"')) return JSON.parse(text);
  return Number(text);
}
