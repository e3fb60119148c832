import { describe, expect, it } from 'vitest';
import { checkNames } from '../lib/options/names.ts';
import { clip, expectColour, expectNumber, expectOneOf, nearest, describe as say } from '../lib/validate.ts';

const huge = 'x'.repeat(1_000_000);

describe('what messages say of a value', () => {
  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['adam', "'adam' (string)"],
    [3, '3 (number)'],
    [3n, '3 (bigint)'],
    [true, 'true (boolean)'],
    [Symbol('s'), 'Symbol(s) (symbol)'],
    [[1, 2], 'an array of 2'],
    [() => 1, 'a function'],
    [new Uint8Array(3), 'an object of type Uint8Array'],
    [Object.create(null), 'an object of type Object'],
  ])('%o', (value, text) => {
    expect(say(value)).toBe(text);
  });

  it('is short, however large the value is', () => {
    class Named {}
    Object.defineProperty(Named, 'name', { value: huge });
    for (const value of [huge, 10n ** 5000n, Symbol(huge), new Named(), { constructor: { name: huge } }])
      expect(say(value).length).toBeLessThan(100);
    for (const check of [
      () => checkNames('here', { [huge]: 1 }, ['size']),
      () => expectOneOf('kind', huge, ['a', 'b']),
      () => expectNumber('size', huge),
      () => expectColour('background', huge),
    ])
      expect(check).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/^.{10,200}$/) }),
      );
  });

  it('keeps both ends of a long text', () => {
    expect(clip('short')).toBe('short');
    expect(clip('/a/long/path/to/cat.jpg', 15)).toBe('/a/lon...at.jpg');
    expect(clip(huge, 10).length).toBe(10);
  });
});

describe('the nearest name', () => {
  it.each([
    ['mpl', ['mlp'], 'mlp'],
    ['moment', ['momentum'], 'momentum'],
    ['temprature', ['strength', 'temperature'], 'temperature'],
    ['WIDTH', ['width'], 'width'],
    ['nope', ['home', 'node'], 'node'],
    ['nope', ['home', 'root'], undefined],
    ['x', [], undefined],
  ])('to %s of %j is %s', (name, known, expected) => expect(nearest(name, known)).toBe(expected));
});
