/**
 * Programs from strangers: none may do more than be refused, fail with a typed error, or run in little time and memory.
 * `CONTRASTIVE_FUZZ=100000` tries as many of each kind, `CONTRASTIVE_FUZZ_SEED` other ones; `CONTRASTIVE_FUZZ_LOG` names a file
 * that holds the one under way, for when the process dies.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeProgram, encodeProgram } from '../../lib/checkpoint/program-file.ts';
import { compileProgram } from '../../lib/checkpoint/program-limits.ts';
import { allowedOperations } from '../../lib/checkpoint/program-operations.ts';
import { CheckpointError, ContrastiveError } from '../../lib/errors.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { type Json, smallEncoder } from './small-encoder.ts';

const count = Number(process.env.CONTRASTIVE_FUZZ ?? 2000);
const fewer = Number(process.env.CONTRASTIVE_FUZZ ?? 200); // of what is found out where it runs
const timeout = 60_000 + count * 50;

const odd: readonly number[] = [
  -1,
  0,
  1,
  2,
  3,
  7,
  64,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -2,
  -(2 ** 31),
  -(2 ** 53) + 1,
];
const oddFloats: readonly Json[] = [
  0,
  0.5,
  -1.5,
  1e-45,
  1e308,
  { number: 'NaN' },
  { number: 'Infinity' },
  { number: '-0' },
];
const texts: readonly Json[] = [
  '',
  'float32',
  'int64',
  'bool',
  'bfloat16',
  'cpu',
  'cuda',
  'reflect',
  'none',
  '__proto__',
];
const objects: readonly Json[] = [
  { batch: 1 },
  { batch: -3 },
  { device: true },
  { batch: 2 ** 40 },
  { default: true },
  [],
  {},
  null,
  true,
  false,
];
const names = [...allowedOperations].filter((name) => name.startsWith('aten::'));

/** A linear congruential generator, Knuth's MMIX. */
class Random {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  /** From 0 up to n - 1. */
  below(n: number): number {
    this.#state = BigInt.asUintN(64, this.#state * 6364136223846793005n + 1442695040888963407n);
    return Number(this.#state >> 33n) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const random = () => new Random(Number(process.env.CONTRASTIVE_FUZZ_SEED ?? 1));

type Outcome = 'refused' | 'ran' | 'failed';

/** Reads and runs a program. */
async function attempt(text: string, tensors: ReadonlyMap<string, Tensor>, x: Tensor): Promise<Outcome> {
  if (process.env.CONTRASTIVE_FUZZ_LOG) writeFileSync(process.env.CONTRASTIVE_FUZZ_LOG, text);
  try {
    using compiled = compileProgram(decodeProgram(text, 'f'), tensors, 'f');
    const results = compiled(x);
    const outcomes = await Promise.allSettled(results.map((each) => each.ready()));
    for (const each of results) each.dispose();
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    for (const reason of reasons) if (!(reason instanceof ContrastiveError)) throw reason;
    return reasons.length > 0 ? 'failed' : 'ran';
  } catch (error) {
    if (error instanceof CheckpointError) return 'refused';
    throw new Error(text, { cause: error });
  }
}

async function tallyOf(times: number, attemptOne: () => Promise<Outcome>): Promise<Record<Outcome, number>> {
  const tally = { refused: 0, ran: 0, failed: 0 };
  for (let i = 0; i < times; i++) tally[await attemptOne()]++;
  if (process.env.CONTRASTIVE_FUZZ) console.log(tally);
  return tally;
}

/** Every place in JSON, with a way to put something else there, or nothing. */
function places(json: Json): { readonly get: () => Json; readonly set: (value: Json | undefined) => void }[] {
  if (json === null || typeof json !== 'object') return [];
  const holder = json as { [name: string]: Json };
  return Object.keys(json).flatMap((key) => {
    const set = (value: Json | undefined): void => {
      if (value !== undefined) holder[key] = value;
      else if (Array.isArray(json)) json.splice(Number(key), 1);
      else delete holder[key];
    };
    return [{ get: () => holder[key] as Json, set }, ...places(holder[key] as Json)];
  });
}

/** The types of an operation's parameters, as its schema has them. */
const typesOf = (name: string): string[] =>
  [
    ...loadAddon()
      .schema(name)
      .matchAll(/([\w?[\]]+|\))(\[\])? \w+(?:=(?:\[[^\]]*\]|[^,)]*))?(?=,|\) ->)/g),
  ].map(([all, type]) => (type === ')' ? (all.includes('[]') ? 'Tensor[]' : 'Tensor') : (type as string)));

describe('programs from strangers', () => {
  it('are refused with a CheckpointError, or run, when a file was changed at random', { timeout }, async () => {
    const { program, tensors } = smallEncoder();
    const text = encodeProgram(program);
    const { of, below, list } = bound(random());
    const strange = (): Json =>
      of([
        () => of(odd),
        () => of(oddFloats),
        () => of(texts),
        () => of(objects),
        () => ({ value: below(40) }),
        () => of(names),
        () => list(4, () => of(odd)),
      ])();
    const changed = (): string => {
      if (below(8) === 0) {
        const at = below(text.length);
        return text.slice(0, at) + String.fromCharCode(below(128)) + text.slice(at + below(3));
      }
      const json = JSON.parse(text) as { [name: string]: Json };
      for (let change = below(3); change >= 0; change--) {
        const place = of(places(json));
        const old = place.get();
        const isOperation = typeof old === 'string' && allowedOperations.has(old);
        const kind = below(12);
        if (isOperation && kind > 2) place.set(of(names));
        else if (kind < 2) place.set(undefined);
        else place.set(structuredClone(kind < 5 ? of(places(json)).get() : strange()));
      }
      return JSON.stringify(json);
    };
    const x = ops.randn([2, 3, 4, 4], { seed: 1 });
    const { refused, ran } = await tallyOf(count, () => attempt(changed(), tensors, x));
    expect(refused).toBeGreaterThan(count / 2);
    expect(ran).toBeGreaterThan(0);
  });

  it('are refused with a CheckpointError, or run, when weights have other shapes, types and values', {
    timeout,
  }, async () => {
    const { program, tensors } = smallEncoder();
    const text = encodeProgram(program);
    const { of, below, list } = bound(random());
    const x = ops.randn([2, 3, 4, 4], { seed: 1 });
    const changed = (weight: Tensor): Tensor => {
      const shape = [...weight.shape];
      const size = () => of([0, 1, 1, 2, 3, 4, 5, 12, 16, 64]);
      if (below(2) === 0) shape[below(shape.length)] = size();
      else if (below(3) === 0) shape.splice(0, shape.length, ...list(5, size));
      const value = below(3) === 0 ? of([0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY]) : below(1000) / 500 - 1;
      return ops.full(shape, value).to(of(['float32', 'float32', 'float64', 'bfloat16', 'int64', 'bool']));
    };
    const { refused, ran } = await tallyOf(fewer, () =>
      tidy(async () => {
        const strange = new Map(tensors);
        for (let change = below(3); change >= 0; change--) {
          const name = of([...tensors.keys()]);
          strange.set(name, changed(tensors.get(name) as Tensor));
        }
        if (below(20) === 0) strange.delete(of([...tensors.keys()]));
        return attempt(text, strange, x);
      }),
    );
    expect(refused).toBeGreaterThan(fewer / 4);
    expect(ran).toBeGreaterThan(fewer / 30);
  });

  it('are refused with a CheckpointError, or run, when they were made at random', { timeout }, async () => {
    const { of, below, list } = bound(random());
    const shapes: readonly (readonly number[])[] = [
      [],
      [0],
      [3],
      [2, 3],
      [4, 4],
      [2, 3, 4],
      [2, 4, 4, 4],
      [2, 2, 8, 8],
      [1, 0, 4, 4],
      [4, 4, 3, 3],
    ];
    const dtypes = ['float32', 'float32', 'float32', 'int64', 'bool', 'bfloat16', 'float64'] as const;
    const given = shapes.flatMap((shape, i) =>
      dtypes.slice(i % 2, 5 + (i % 3)).map((dtype) => ops.randn(shape, { seed: i }).to(dtype)),
    );
    const tensors = new Map(given.map((each, i) => [`t${i}`, each]));
    const head = { format: 1, inputs: [0], captured: given.map((_, i) => ({ value: i + 1, name: `t${i}` })) };
    const whole = (): number => (below(3) > 0 ? of([0, 1, 1, 2, 2, 3, 4, -1]) : of(odd));
    const argument = (type: string, values: number): Json => {
      const bare = type.replace('?', '');
      if (below(12) === 0) return of(objects);
      if (type.endsWith('?') && below(2) === 0) return null;
      if (bare === 'Tensor') return below(12) === 0 ? of(oddFloats) : { value: below(values) };
      if (bare === 'Tensor[]') return list(3, () => ({ value: below(values) }));
      if (/^(SymInt|int|bool)\[/.test(bare)) return list(4, whole);
      if (['SymInt', 'int', 'MemoryFormat', 'Layout'].includes(bare)) return whole();
      if (['float', 'Scalar'].includes(bare)) return below(2) === 0 ? of(oddFloats) : whole();
      if (bare.startsWith('float[')) return list(3, () => of(oddFloats));
      if (bare === 'bool') return below(2) === 0;
      if (bare === 'ScalarType') return of(dtypes);
      return of(['constant', 'reflect', 'replicate', 'circular', 'none', 'tanh', 'cpu']);
    };
    const made = (): string => {
      let values = given.length + 1;
      const operations = Array.from({ length: 1 + below(4) }, () => {
        const name = of(names);
        const types = typesOf(name);
        const args = types.slice(0, 1 + below(types.length)).map((type) => argument(type, values));
        const results = name === 'aten::topk' || name === 'aten::sort' ? [values, values + 1] : [values];
        values += results.length;
        return { name, args, results, modes: below(6) };
      });
      return JSON.stringify({ ...head, operations, outputs: [values - 1] });
    };
    const x = ops.randn([2, 3], { seed: 1 });
    const { ran, refused, failed } = await tallyOf(count, () => attempt(made(), tensors, x));
    expect(refused).toBeGreaterThan(count / 10);
    expect(ran).toBeGreaterThan(count / 50);
    expect(failed).toBeLessThan(count / 10);
  });
});

function bound(source: Random): Pick<Random, 'of' | 'below' | 'list'> {
  return {
    of: (list) => source.of(list),
    below: (n) => source.below(n),
    list: (most, make) => source.list(most, make),
  };
}
