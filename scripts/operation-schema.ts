/** Reads libtorch's schema language: `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly keyword: boolean;
}

export interface Schema {
  readonly callName: string;
  readonly tsName: string;
  readonly parameters: readonly Parameter[];
  readonly returns: readonly string[];
}

/** As TypeScript writes it: `log_softmax` is `logSoftmax`. */
export const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

const words = new Set(['var', 'where', 'default', 'function']);
/** Not a word that TypeScript keeps to itself. */
export const safe = (name: string): string =>
  name === 'var' ? 'variance' : words.has(name) && name !== 'where' ? `${name}_` : name;

/** Splits at top-level commas. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if ('([{'.includes(c)) depth++;
    else if (')]}'.includes(c)) depth--;
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === '' ? parts : [...parts, last];
}

/** A schema from its text; `names` holds other TypeScript names than the operation's own. */
export function parseSchema(callName: string, text: string, names: Readonly<Record<string, string>>): Schema {
  const match = /^([\w:.]+)\((.*)\) -> (.*)$/s.exec(text);
  if (match === null) throw new Error(`cannot read the schema ${text}`);
  const [, qualified = '', list = '', result = ''] = match;
  const base = qualified.replace(/^aten::/, '').replace(/\..*$/, '');
  let keyword = false;
  const parameters: Parameter[] = [];
  for (const item of splitList(list)) {
    if (item === '*') {
      keyword = true;
      continue;
    }
    const [, type, name, value] =
      /^(\S+(?:\([^)]*\)\S*)?) (\w+)(?:=(.*))?$/.exec(item.replace(/\([a-z]!? ?-> ?\*\)/, '')) ?? [];
    if (type === undefined || name === undefined) throw new Error(`cannot read the parameter '${item}' of ${text}`);
    // libtorch takes the process's generator where none is given; here one must be.
    const optional = type !== 'Generator?' && (value !== undefined || /\?$/.test(type));
    parameters.push({ name, type, keyword, optional });
  }
  const returns = splitList(
    result.startsWith('(') && result.endsWith(')') && !result.startsWith('(a') ? result.slice(1, -1) : result,
  );
  return { callName, tsName: safe(camel(names[base] ?? base)), parameters, returns };
}
