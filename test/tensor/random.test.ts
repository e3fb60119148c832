import { describe, expect, it } from 'vitest';
import { compile } from '../../lib/tensor/compile.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { manualSeed, randomKey, randomOrder, withKeysOf, withKeysOfShare } from '../../lib/tensor/random.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { fixture } from './operations-fixture.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('randomKey()', () => {
  const keys = (n: number) =>
    Promise.all(Array.from({ length: n }, () => randomKey().data())).then((all) => all.flatMap((each) => [...each]));

  it('is a fresh int64 scalar', async () => {
    const key = randomKey();
    expect([key.shape, key.dtype, key.device]).toEqual([[], 'int64', 'cpu']);
    expect(new Set(await keys(1000)).size).toBe(1000);
  });

  it('gives the numbers of SplitMix64 after manualSeed()', async () => {
    manualSeed(1234567);
    const reference = [6457827717110365317n, 3203168211198807973n, 9817491932198370423n, 4593380528125082431n];
    expect((await keys(4)).map((key) => BigInt.asUintN(64, key as bigint))).toEqual(reference);
  });

  it('is the same again after the same seed, and another after another', async () => {
    manualSeed(0);
    const first = await keys(3);
    manualSeed(0);
    expect(await keys(3)).toEqual(first);
    manualSeed(1);
    expect(await keys(3)).not.toEqual(first);
  });

  it('makes dropout repeat itself', async () => {
    const run = () => {
      manualSeed(7);
      return ops.dropout(ops.ones([100])).data();
    };
    expect(await run()).toEqual(await run());
  });

  it.each([-1, 0.5, 2 ** 60, Number.NaN])('refuses the seed %d', (seed) => {
    expect(() => manualSeed(seed)).toThrow(code('ERR_OPTION'));
  });
});

describe.each(fixture.seeded)('the numbers of a torch.Generator with seed $seed', (want) => {
  const { seed } = want;
  const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));

  it('rand and randn', async () => {
    expect(await ops.rand([3], { seed }).toArray()).toEqual(close(want.rand));
    expect(await ops.randn([3], { seed }).toArray()).toEqual(close(want.randn));
  });

  it('randint and randperm', async () => {
    expect(await ops.randint(-3, 9, [2, 5], { seed }).toArray()).toEqual(want.randint);
    expect(await ops.randperm(12, { seed }).toArray()).toEqual(want.randperm);
    expect(ops.randperm(12).dtype).toBe('int64');
  });
});

it('randperm of nothing is empty', async () => {
  expect(await ops.randperm(0).data()).toEqual(new BigInt64Array(0));
});

it('randperm picks rows', async () => {
  const rows = tensor([[0], [1], [2], [3]]);
  const shuffled = (await rows.index([ops.randperm(4, { seed: 2 })]).toArray()) as number[][];
  expect(shuffled.flat().sort()).toEqual([0, 1, 2, 3]);
});

it.each<[string, () => unknown, string]>([
  ['randint of an empty range', () => ops.randint(3, 3, [2]), 'ERR_OPTION'],
  ['randperm of a negative count', () => ops.randperm(-1), 'ERR_OPTION'],
  ['a seed that is no integer', () => ops.randperm(3, { seed: 0.5 }), 'ERR_OPTION'],
])('refuses %s', (_, call, expected) => {
  expect(call).toThrow(code(expected));
});

describe('randomOrder', () => {
  const orderOf = (key: number, count = 5): number[] =>
    Array.from(withKeysOf([key], () => randomOrder(count)).dataSync() as BigInt64Array, Number);

  it('is an order of all, a function of the keys, the same in every process', () => {
    expect(orderOf(1, 100).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(orderOf(1, 100)).toEqual(orderOf(1, 100));
    expect(orderOf(2, 100)).not.toEqual(orderOf(1, 100));
    expect(withKeysOfShare(3, () => orderOf(1, 100))).toEqual(orderOf(1, 100));
    expect([orderOf(1, 1), orderOf(1, 0)]).toEqual([[0], []]);
  });

  it('puts everything everywhere equally often', () => {
    const counts = Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]);
    for (let key = 0; key < 2000; key++)
      for (const [place, value] of orderOf(key).entries()) (counts[place] as number[])[value]!++;
    for (const count of counts.flat()) expect(Math.abs(count - 400)).toBeLessThan(5 * Math.sqrt(400 * 0.8));
  });

  it('is another at each call of a recording', () => {
    const drawn = compile(() => randomOrder(50).clone());
    const next = (): string => String(drawn().dataSync());
    expect(next()).not.toBe(next());
  });
});

describe('withKeysOfShare', () => {
  const keysOf = (share: number): string[] =>
    withKeysOf([7], () => {
      const own = withKeysOfShare(share, () => [randomKey(), randomKey()]);
      return [...own, randomKey()].map((key) => String(key.itemSync()));
    });

  it('gives each process keys of its own, and then those that all have', () => {
    const [first, second, third] = [0, 1, 2].map(keysOf) as [string[], string[], string[]];
    expect(new Set([...first.slice(0, 2), ...second.slice(0, 2), ...third.slice(0, 2)]).size).toBe(6);
    expect([second[2], third[2]]).toEqual([first[2], first[2]]);
  });

  it('holds in a recording too, at each call', async () => {
    const drawn = compile(() => [withKeysOfShare(3, randomKey), randomKey()].map((key) => key.clone()));
    const plain = (): string[] =>
      withKeysOf([5], () => [withKeysOfShare(3, randomKey), randomKey()]).map((key) => String(key.itemSync()));
    for (let call = 0; call < 2; call++)
      expect(withKeysOf([5], () => drawn()).map((key) => String(key.itemSync()))).toEqual(plain());
  });
});
