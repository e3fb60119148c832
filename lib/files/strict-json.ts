/** JSON from files that may be hostile: bounded depth, no name twice in an object. */

/**
 * `JSON.parse`, which alone keeps the last of two equal names in silence and nests without bound.
 *
 * @throws {Error} not JSON, nested deeper than `maxDepth`, or a name twice; the message has no file name.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  const open: (Set<string> | undefined)[] = []; // names of each open object; undefined for an array
  let last: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '"') {
      const end = endOfString(text, i);
      last = text.slice(i, end + 1);
      i = end;
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      if (open.length > maxDepth) throw new Error(`JSON must not be nested deeper than ${maxDepth}`);
    } else if (char === '}' || char === ']') open.pop();
    else if (char === ':' && last !== undefined) addName(open.at(-1), JSON.parse(last) as string);
  }
  return JSON.parse(text);
}

/** Index of the quote that ends the string which begins at `start`, or of the last character. One pass: no regular expression, which could be made to take quadratic time. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return Math.min(i, text.length - 1);
}

function addName(names: Set<string> | undefined, name: string): void {
  if (names?.has(name)) throw new Error(`the name '${name}' occurs twice`);
  names?.add(name);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
