import { describe, expect, it } from 'vitest';
import { PickleName, PickleObject, type PickleReader, unpickle } from '../../lib/files/pickle.ts';
import { pickle, type Written } from './torch-archive.ts';

/** Knows one call, and gives persistent ids back. */
const reader: PickleReader = {
  call: (name, args) => (name === 'a.list' ? [...args] : undefined),
  persistent: (id) => ({ id }),
};
const read = (value: Written) => unpickle(pickle(value), reader).value;
const bytes = (...instructions: (number | string)[]) =>
  Uint8Array.from([
    0x80,
    2,
    ...instructions.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : [part])),
  ]);
const run = (...instructions: (number | string)[]) => unpickle(bytes(...instructions), reader).value;

describe('unpickle', () => {
  it('reads plain values', () => {
    expect(read([null, true, false, 1, -70_000, 0.5, 'ü', []])).toEqual([null, true, false, 1, -70_000, 0.5, 'ü', []]);
    expect(
      read({
        dict: [
          ['a', 1],
          [2, { dict: [] }],
        ],
      }),
    ).toEqual(
      new Map<unknown, unknown>([
        ['a', 1],
        [2, new Map()],
      ]),
    );
    expect(run('U', 2, 'ab', '.')).toBe('ab');
    expect(run('K', 200, '.')).toBe(200);
    expect(run('M', 1, 2, '.')).toBe(513);
    expect(run(']', 'K', 1, 'a', '(', 'K', 2, 'K', 3, 'e.')).toEqual([1, 2, 3]);
    expect(run('}', 'K', 1, 'K', 2, 's.')).toEqual(new Map([[1, 2]]));
    expect(run('K', 1, 'K', 2, 0x86, '.')).toEqual([1, 2]);
  });

  it('reads long integers, exact whatever their length', () => {
    expect(run(0x8a, 0, '.')).toBe(0);
    expect(run(0x8a, 1, 0xff, '.')).toBe(-1);
    expect(run(0x8a, 2, 0x34, 0x12, '.')).toBe(0x1234);
    expect(run(0x8a, 9, ...new Array<number>(8).fill(0), 1, '.')).toBe(2n ** 64n);
    expect(run(0x8a, 8, ...new Array<number>(7).fill(0), 0x80, '.')).toBe(-(2n ** 63n));
  });

  it('says where the pickle ends', () => {
    expect(unpickle(bytes('N.', 'N.'), reader).end).toBe(4);
  });

  it('keeps values and recalls them', () => {
    expect(run('K', 5, 'q', 9, 'h', 9, 0x86, '.')).toEqual([5, 5]);
    expect(run('K', 5, 'r', 0, 0, 0, 1, 'j', 0, 0, 0, 1, 0x86, '.')).toEqual([5, 5]);
  });

  it('calls nothing: a name that the reader does not know makes an object of that name, and what is put into it is dropped', () => {
    expect(read({ call: 'a.list', args: [1, 2] })).toEqual([1, 2]);
    expect(read({ persistent: 'x' })).toEqual({ id: 'x' });
    expect(read({ name: 'os.system' })).toEqual(new PickleName('os.system'));
    expect(read({ call: 'os.system', args: ['rm -rf /'] })).toEqual(new PickleObject('os.system'));
    const made = 'cos\nsystem\n)R'; // then appended to, set, given attributes, called
    expect(run(made, 'K', 1, 'a', '(K', 1, 'e', 'K', 1, 'K', 2, 's', '}b', ')R.')).toEqual(
      new PickleObject('os.system'),
    );
    expect(run('cos\nsystem\n)', 0x81, '.')).toEqual(new PickleObject('os.system'));
  });

  it.each([
    ['nothing', [], 'ends in the middle'],
    ['no end', ['N'], 'ends in the middle'],
    ['a text that is cut off', ['X', 9, 0, 0, 0, 'abc.'], 'ends in the middle'],
    ['a text that is not UTF-8', ['X', 1, 0, 0, 0, 0xff, '.'], 'not valid'],
    ['an empty stack', ['.'], 'takes a value that is not there'],
    ['a value below a mark', ['N(', 0x85, '.'], 'takes a value that is not there'],
    ['no mark', ['Nt.'], 'from a mark that is not there'],
    ['a value that was not kept', ['h', 1, '.'], 'recalls value 1'],
    ['an append to None', ['NNa.'], 'appends to what is no list'],
    ['a key in None', ['NNNs.'], 'no dict'],
    ['a key without a value', ['}(Nu.'], 'a key without a value'],
    ['a call of None', ['N)R.'], 'calls what is no name'],
    ['a call without arguments', ['ca\nb\nNR.'], 'calls what is no name'],
    ['a name without an end', ['c', 'a'.repeat(300), '\nb\n.'], 'name of more than 256 bytes'],
    ['a name that does not print', ['ca\u001b[2J\nb\n.'], 'has a name that is none'],
    ['another protocol', [0x80, 4, 'N.'], 'has protocol 4'],
    ['instructions of other protocols', [0x93, '.'], 'has 0x93 at byte 2'],
    ['an extension registry', [0x82, 1, '.'], 'has 0x82'],
    ['too many instructions', ['N'.repeat(1_000_001)], 'more than 1000000 instructions'],
  ])('refuses %s', (_, instructions, message) => {
    expect(() => run(...instructions)).toThrow(message);
  });
});
