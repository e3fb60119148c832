import ts from 'typescript';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { OptionError } from '../../lib/errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf, VariantOf } from '../../lib/options/option.ts';
import type { Ramp } from '../../lib/options/ramp.ts';
import { resolveOptions, resolveVariant } from '../../lib/options/resolve.ts';
import { optionRows } from '../../lib/options/table.ts';
import { expectNumber } from '../../lib/validate.ts';

/** A number for both, or one each. */
function pair(name: string, value: number | readonly [number, number]): readonly [number, number] {
  if (Array.isArray(value)) return [expectNumber(`${name}[0]`, value[0]), expectNumber(`${name}[1]`, value[1])];
  const both = expectNumber(name, value);
  return [both, both];
}

const declared = {
  size: { type: 'number', required: true, min: 1, integer: true, help: 'side, pixels' },
  temperature: { type: 'ramp', default: 0.1, above: 0, help: 'of the loss' },
  kind: { type: 'string', choices: ['mlp', 'linear'], default: 'mlp', help: 'which head' },
  device: { type: 'string', value: 'cpu, cuda', help: 'where it is computed' },
  normalize: { type: 'boolean', default: true, help: 'length one' },
  block: { type: 'number', min: 1, integer: true },
  hard: {
    type: 'group',
    help: 'weights of negatives',
    options: { beta: { type: 'number', default: 1, min: 0 }, prior: { type: 'number', max: 1 } },
  },
  range: { type: 'checked', check: pair, default: 3, value: 'number | [min, max]', help: 'of the draw' },
} as const satisfies OptionTable;

const resolve = (given: object) => resolveOptions('head', declared, given);

describe('resolveOptions', () => {
  it('fills in defaults, which go through the checks, and keeps what was given', () => {
    expect(resolve({ size: 4 })).toEqual({
      ...{ size: 4, temperature: 0.1, kind: 'mlp', device: undefined, normalize: true, block: undefined },
      ...{ hard: undefined, range: [3, 3] },
    });
    const ramp = { from: 1, to: 0.1, schedule: 'linear' };
    const given = { size: 1, temperature: ramp, kind: 'linear', normalize: false, block: 2, hard: {}, range: [1, 2] };
    expect(resolve(given)).toEqual({ ...given, device: undefined, hard: { beta: 1, prior: undefined } });
  });

  it.each<[unknown, string]>([
    [{ size: 1, knd: 'mlp' }, "head: unknown option 'knd'; did you mean 'kind'?"],
    [null, 'head: options must be a plain object, got null'],
    [new Map([['size', 1]]), 'head: options must be a plain object, got an object of type Map'],
    [{}, 'size must be an integer >= 1, got undefined'],
    [{ size: 1, temperature: 0 }, 'temperature must be a finite number > 0, got 0 (number)'],
    [
      { size: 1, temperature: { from: 1, to: -1, schedule: 'linear' } },
      'temperature.to must be a finite number > 0, got -1 (number)',
    ],
    [
      { size: 1, temperature: { from: 1, to: 1, schedule: 'cosin' } },
      "temperature.schedule must be one of 'linear', 'cosine', got 'cosin' (string); did you mean 'cosine'?",
    ],
    [{ size: 1, kind: 'mpl' }, "kind must be one of 'mlp', 'linear', got 'mpl' (string); did you mean 'mlp'?"],
    [{ size: 1, device: '' }, "device must be a non-empty string, got '' (string)"],
    [{ size: 1, normalize: 1 }, 'normalize must be true or false, got 1 (number)'],
    [{ size: 1, block: null }, 'block must be an integer >= 1, got null'],
    [{ size: 1, hard: 3 }, 'hard: options must be a plain object, got 3 (number)'],
    [{ size: 1, hard: { bta: 1 } }, "hard: unknown option 'bta'; did you mean 'beta'?"],
    [{ size: 1, hard: { prior: 2 } }, 'hard.prior must be a finite number <= 1, got 2 (number)'],
    [{ size: 1, range: 'wide' }, "range must be a finite number, got 'wide' (string)"],
  ])('refuses %j', (given, message) => {
    expect(() => resolve(given as object)).toThrow(new OptionError(message));
  });

  it('puts a prefix before the names', () => {
    expect(() => resolveOptions('loss', declared, { size: 0 }, 'loss.')).toThrow(/^loss\.size must be/);
    expect(() => resolveOptions('loss', declared, { size: 1, hard: { prior: 2 } }, 'loss.')).toThrow(
      /^loss\.hard\.prior must be/,
    );
  });
});

const variants = {
  sgd: { momentum: { type: 'number', default: 0, min: 0 } },
  lars: { trust: { type: 'number', default: 0.001, above: 0 } },
} as const satisfies Record<string, OptionTable>;

describe('resolveVariant', () => {
  const resolve = (given: unknown) => resolveVariant('optimizer', variants, given);

  it('takes the options of the name, which stands for its defaults', () => {
    expect(resolve({ name: 'lars' })).toEqual({ name: 'lars', trust: 0.001 });
    expect(resolve('lars')).toEqual({ name: 'lars', trust: 0.001 });
  });

  it.each<[unknown, string]>([
    [3, 'optimizer must be a name or { name, … }, got 3 (number)'],
    [new Map(), 'optimizer must be a name or { name, … }, got an object of type Map'],
    ['lar', "optimizer must be one of 'sgd', 'lars', got 'lar' (string); did you mean 'lars'?"],
    [{ name: 'lar' }, "optimizer.name must be one of 'sgd', 'lars', got 'lar' (string); did you mean 'lars'?"],
    [{ name: 'sgd', trust: 1 }, "optimizer: unknown option 'trust'; known: momentum"],
    [{ name: 'lars', trust: 0 }, 'optimizer.trust must be a finite number > 0, got 0 (number)'],
  ])('refuses %j', (given, message) => {
    expect(() => resolve(given)).toThrow(new OptionError(message));
  });
});

describe('the types', () => {
  it('ask for what is required and know what is certain', () => {
    type Given = OptionsOf<typeof declared>;
    expectTypeOf<Given['size']>().toEqualTypeOf<number>();
    expectTypeOf<Given['kind']>().toEqualTypeOf<'mlp' | 'linear' | undefined>();
    expectTypeOf<Given['temperature']>().toEqualTypeOf<number | Ramp | undefined>();
    expectTypeOf<Given['range']>().toEqualTypeOf<number | readonly [number, number] | undefined>();
    expectTypeOf<NonNullable<Given['hard']>['beta']>().toEqualTypeOf<number | undefined>();
    type Resolved = ResolvedOf<typeof declared>;
    expectTypeOf<Resolved['kind']>().toEqualTypeOf<'mlp' | 'linear'>();
    expectTypeOf<Resolved['block']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Resolved['range']>().toEqualTypeOf<readonly [number, number]>();
    expectTypeOf<NonNullable<Resolved['hard']>['beta']>().toEqualTypeOf<number>();
    // @ts-expect-error size is required
    const none: Given = {};
    // @ts-expect-error there is no such option
    const unknown: Given = { size: 1, sise: 2 };
    // @ts-expect-error of another variant
    const other: VariantOf<typeof variants> = { name: 'sgd', trust: 1 };
    const byName: VariantOf<typeof variants> = 'sgd';
    // @ts-expect-error no such variant
    const misspelt: VariantOf<typeof variants> = 'sdg';
    // @ts-expect-error one that needs an option is none by its name alone
    const lacking: VariantOf<{ readonly step: typeof declared }> = 'step';
    expect([none, unknown, other, byName, misspelt, lacking]).toHaveLength(6);
  });

  it('show the comment over a declaration where the option is used', () => {
    const source = `import type { OptionsOf } from '${new URL('../../lib/options/option.ts', import.meta.url).pathname}';
      const declared = {
        /** Of one. */ one: { type: 'number', required: true },
        /** Of two. */ two: { type: 'boolean', default: true },
      } as const;
      interface Options extends OptionsOf<typeof declared> {}
      export declare const options: Options;`;
    const options = { strict: true, target: ts.ScriptTarget.ES2022, allowImportingTsExtensions: true, noEmit: true };
    const host = ts.createCompilerHost(options);
    const { getSourceFile } = host;
    host.getSourceFile = (name, ...rest) =>
      name === 'user.ts'
        ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022)
        : getSourceFile.call(host, name, ...rest);
    const program = ts.createProgram(['user.ts'], options, host);
    const checker = program.getTypeChecker();
    const file = program.getSourceFile('user.ts') as ts.SourceFile;
    const shown = file.statements.filter(ts.isInterfaceDeclaration).flatMap((declaration) =>
      checker
        .getTypeAtLocation(declaration)
        .getProperties()
        .map((property) => [
          property.name,
          ts.displayPartsToString(property.getDocumentationComment(checker)),
          (property.flags & ts.SymbolFlags.Optional) !== 0,
        ]),
    );
    expect(shown).toEqual([
      ['one', 'Of one.', false],
      ['two', 'Of two.', true],
    ]);
  });
});

it('optionRows writes a table in Markdown', () => {
  expect(optionRows(declared).split('\n')).toEqual([
    '| option | takes | default | |',
    '|---|---|---|---|',
    '| `size` | integer >= 1 | needed | side, pixels |',
    '| `temperature` | number > 0, or { from, to, schedule } | `0.1` | of the loss |',
    "| `kind` | 'mlp', 'linear' | `'mlp'` | which head |",
    '| `device` | cpu, cuda |  | where it is computed |',
    '| `normalize` | true, false | `true` | length one |',
    '| `hard` | { beta, prior } |  | weights of negatives |',
    '| `range` | number \\| [min, max] | `3` | of the draw |',
  ]);
});
