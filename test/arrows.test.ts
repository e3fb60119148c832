/**
 * Which folder may know which: reads the imports of lib/ and the #includes of native/ and fails on an arrow that runs
 * back. The order is ARCHITECTURE.md's.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** From the bottom up. Folders in one row never import each other. */
const libRows = [
  ['errors.ts', 'validate.ts', 'symbol-dispose.ts', 'lock-file.ts'],
  ['files', 'options'],
  ['native'],
  ['tensor'],
  ['distributed'],
  ['augment', 'nn', 'losses', 'optim', 'data'],
  ['encoders'],
  ['checkpoint'],
  ['methods'],
  ['train', 'evaluate', 'serve', 'export'],
  ['classify', 'monitors', 'search'],
  ['cli'],
  ['index.ts'],
];
const nativeRows = [
  ['core'],
  ['distributed'],
  ['cuda', 'tensor'],
  ['augment', 'nn', 'losses', 'optim'],
  ['augment_tensor', 'evaluate'],
  ['binding'],
];

/** What each file refers to inside the same tree, both relative to its root. */
type References = ReadonlyMap<string, readonly string[]>;

const partOf = (file: string): string => file.split('/')[0] as string;

function backwardArrows(references: References, rows: readonly (readonly string[])[]): string[] {
  const rowOf = (file: string): number => rows.findIndex((row) => row.includes(partOf(file)));
  const found: string[] = [];
  for (const [file, targets] of references) {
    if (rowOf(file) === -1) found.push(`${file} is in no row of the order`);
    for (const target of targets) {
      const same = partOf(file) === partOf(target) || (rowOf(file) === 0 && rowOf(target) === 0 && !file.includes('/'));
      if (!same && rowOf(target) >= rowOf(file)) found.push(`${file} -> ${target}`);
    }
  }
  return found;
}

/** Every file that `file` reaches, itself included. */
function reachable(file: string, references: References): Set<string> {
  const seen = new Set<string>();
  const queue = [file];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    queue.push(...(references.get(next) ?? []));
  }
  return seen;
}

function importsOf(file: string, text: string): string[] {
  const specifiers = text.matchAll(/\b(?:from|import)\s*\(?\s*(['"])(\.[^'"]+)\1/g);
  return [...specifiers].map((match) => normalize(join(dirname(file), match[2] as string)).replaceAll(sep, '/'));
}

const quotedIncludes = (text: string): string[] =>
  [...text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map((match) => match[1] as string);
const angledIncludes = (text: string): string[] =>
  [...text.matchAll(/^\s*#\s*include\s+<([^>]+)>/gm)].map((match) => match[1] as string);

function readTree(root: string, pattern: RegExp): Map<string, string> {
  const base = fileURLToPath(new URL(`../${root}`, import.meta.url));
  const names = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((name) => pattern.test(name));
  return new Map(names.map((name) => [name.replaceAll(sep, '/'), readFileSync(join(base, name), 'utf8')]));
}

const lib = readTree('lib', /\.c?ts$/);
const native = readTree('native', /\.(cc|h|inc)$/);
/** An include is written from native/, or from the file's own folder. */
const nativeReferences: References = new Map(
  [...native].map(([file, text]) => [
    file,
    quotedIncludes(text).map((name) => (native.has(name) ? name : join(dirname(file), name).replaceAll(sep, '/'))),
  ]),
);

describe('the arrows of lib/', () => {
  const references: References = new Map([...lib].map(([file, text]) => [file, importsOf(file, text)]));

  it('point down', () => expect(backwardArrows(references, libRows)).toEqual([]));

  it('end at files that exist, named with their ending', () => {
    for (const [file, targets] of references)
      for (const target of targets) expect(lib.has(target), `${file} -> ${target}`).toBe(true);
  });
});

describe('the arrows of native/', () => {
  const inner = new Map([...nativeReferences].filter(([file]) => partOf(file) !== 'loader'));

  it('point down', () => expect(backwardArrows(inner, nativeRows)).toEqual([]));

  it('end at files that exist', () => {
    for (const [file, targets] of nativeReferences)
      for (const target of targets) expect(native.has(target), `${file} -> ${target}`).toBe(true);
  });

  it('keep the loader by itself', () => {
    for (const [file, targets] of nativeReferences) {
      if (partOf(file) === 'loader') expect(targets.filter((target) => partOf(target) !== 'loader')).toEqual([]);
      else expect(targets.filter((target) => partOf(target) === 'loader')).toEqual([]);
    }
  });

  it('leave Node-API to binding/ and loader/', () => {
    for (const [file, text] of native)
      if (!['binding', 'loader'].includes(partOf(file)))
        expect(
          angledIncludes(text).filter((name) => /^(napi|node_api|js_native_api)/.test(name)),
          file,
        ).toEqual([]);
  });

  it('leave torch out of what the augmentation kernels reach', () => {
    const kernels = [...native.keys()].filter((file) => partOf(file) === 'augment' || file === 'core/pool.cc');
    expect(kernels.length).toBeGreaterThan(1);
    for (const kernel of kernels)
      for (const file of reachable(kernel, nativeReferences)) {
        const torch = angledIncludes(native.get(file) as string).filter((name) => /^(ATen|c10|torch)\//.test(name));
        expect(torch, `${kernel} reaches ${file}`).toEqual([]);
      }
  });
});

describe('the reader of arrows', () => {
  it('sees every form of import and include', () => {
    const text = `import a from './a.ts';\nimport type { B } from "../b/b.ts";\nexport * from './c.ts';
      const d = () => import('../d.ts');\nimport './e.ts';\nimport { readFileSync } from 'node:fs';`;
    expect(importsOf('x/y.ts', text)).toEqual(['x/a.ts', 'b/b.ts', 'x/c.ts', 'd.ts', 'x/e.ts']);
    expect(quotedIncludes('#include "core/op.h"\n # include "x.h"\n#include <vector>')).toEqual(['core/op.h', 'x.h']);
  });

  it('finds an arrow that runs back, one inside a row, and a folder without a row', () => {
    const references = new Map([
      ['tensor/a.ts', ['cli/main.ts', 'native/addon.ts', 'tensor/b.ts']],
      ['losses/a.ts', ['nn/a.ts']],
      ['errors.ts', ['validate.ts']],
      ['validate.ts', ['native/addon.ts']],
      ['extra/a.ts', []],
    ]);
    expect(backwardArrows(references, libRows)).toEqual([
      'tensor/a.ts -> cli/main.ts',
      'losses/a.ts -> nn/a.ts',
      'validate.ts -> native/addon.ts',
      'extra/a.ts is in no row of the order',
    ]);
  });
});
