import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../lib/files/strict-json.ts';

describe('parseStrictJson', () => {
  it('is JSON.parse for what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        expect(parseStrictJson(text, 20)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['{"a":1,"a":2}', /'a' occurs twice/],
    ['{"x":{"a":1,"b":{"a":1},"a":2}}', /'a' occurs twice/],
    ['{"a":1,"\\u0061":2}', /'a' occurs twice/],
    ['[[[[1]]]]', /deeper than 3/],
    ['{"a"', /JSON/],
    ['"\\', /JSON/],
    ['', /JSON/],
  ])('refuses %s', (text, message) => {
    expect(() => parseStrictJson(text, 3)).toThrow(message);
  });

  it('allows one name in several objects, and braces in strings', () => {
    const text = '[{"a":"{[{[\\"}"},{"a":{"a":1}}]';
    expect(parseStrictJson(text, 3)).toEqual(JSON.parse(text));
  });
});
