import { describe, expect, expectTypeOf, it } from 'vitest';
import { functionOption, instanceOf, nextSeed, orNull, seedOption, signalOption } from '../../lib/options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../../lib/options/option.ts';
import { resolveOptions } from '../../lib/options/resolve.ts';
import { expectString } from '../../lib/validate.ts';

class Animal {
  readonly name = 'cat';
}

const declared = {
  seed: seedOption,
  signal: signalOption,
  onEvent: functionOption<(done: number) => void>(),
  pet: { type: 'checked', required: true, check: instanceOf<Animal>(Animal, 'an Animal') },
  path: { type: 'checked', default: null, check: orNull(expectString) },
} as const satisfies OptionTable;

const pet = new Animal();

describe('kinds of options', () => {
  it('take what they say, and have a type for it', () => {
    const onEvent = (): void => {};
    const { signal } = new AbortController();
    const plain = { seed: 0, signal: undefined, onEvent: undefined, pet, path: null };
    expect(resolveOptions('zoo', declared, { pet })).toEqual(plain);
    const given = { seed: Number.MAX_SAFE_INTEGER, signal, onEvent, pet, path: 'cats' };
    expect(resolveOptions('zoo', declared, given)).toEqual(given);
    expectTypeOf<OptionsOf<typeof declared>['onEvent']>().toEqualTypeOf<((done: number) => void) | undefined>();
    expectTypeOf<ResolvedOf<typeof declared>['path']>().toEqualTypeOf<string | null>();
    expectTypeOf<ResolvedOf<typeof declared>['pet']>().toEqualTypeOf<Animal>();
  });

  it.each<[object, string]>([
    [{ pet, seed: 2 ** 53 }, 'seed must be an integer >= 0, got 9007199254740992 (number)'],
    [{ pet, signal: {} }, 'signal must be an AbortSignal, got an object of type Object'],
    [{ pet, signal: null }, 'signal must be an AbortSignal, got null'],
    [{ pet, onEvent: 1 }, 'onEvent must be a function, got 1 (number)'],
    [{}, 'pet must be an Animal, got undefined'],
    [{ pet: { name: 'cat' } }, 'pet must be an Animal, got an object of type Object'],
    [{ pet, path: '' }, "path must be a non-empty string, got '' (string)"],
  ])('%o', (given, message) => {
    expect(() => resolveOptions('zoo', declared, given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message }),
    );
  });

  it('behind the largest seed comes 0', () => {
    expect([nextSeed(7), nextSeed(Number.MAX_SAFE_INTEGER)]).toEqual([8, 0]);
  });
});
