/**
 * Files of weights from strangers: each is read, or refused with a typed error, within the test's time. `CONTRASTIVE_FUZZ=100000` tries as
 * many of each kind, `CONTRASTIVE_FUZZ_SEED` other ones.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { encodeSafetensors } from '../../lib/files/safetensors.ts';
import { withTensorFile } from '../../lib/files/tensor-file.ts';
import { archive, legacy, pickle, stored, tensorCall, zip } from './torch-archive.ts';

const count = Number(process.env.CONTRASTIVE_FUZZ ?? 200);
const timeout = 60_000 + count * 50;

let file: string;
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'tensor-fuzz-')), 'a.pth');
});
afterAll(() => rm(join(file, '..'), { recursive: true, force: true }));

/** A linear congruential generator, Knuth's MMIX; from 0 up to n - 1. */
function randomOf(seed: number): (n: number) => number {
  let state = BigInt(seed);
  return (n) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return Number((state >> 33n) % BigInt(n));
  };
}

const odd = [0, 1, 2, 0x7f, 0x80, 0xff];

/** Some bytes changed, some taken out, some doubled. */
function mutate(bytes: Uint8Array, random: (n: number) => number): Uint8Array {
  let mutant = Buffer.from(bytes);
  for (let i = random(4); i >= 0; i--) {
    const at = random(mutant.length);
    const kind = random(6);
    const end = at + random(32);
    if (kind < 2) mutant[at] = random(256);
    else if (kind === 2) mutant[at] = odd[random(odd.length)] as number;
    else if (kind === 3) mutant.fill(0xff, at, Math.min(at + 4, mutant.length));
    else if (kind === 4) mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(end)]);
    else mutant = Buffer.concat([mutant.subarray(0, end), mutant.subarray(at)]);
  }
  return mutant;
}

/** Reads all of a file. @returns the number of bytes of its tensors; undefined where it is refused. */
async function readAll(bytes: Uint8Array): Promise<number | undefined> {
  await writeFile(file, bytes);
  try {
    return await withTensorFile(file, async ({ tensors }) => {
      let sum = 0;
      for (const tensor of tensors.values()) sum += (await tensor.read()).data.length;
      return sum;
    });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return undefined;
  }
}

async function tryAll(make: (random: (n: number) => number) => Uint8Array): Promise<number> {
  const random = randomOf(Number(process.env.CONTRASTIVE_FUZZ_SEED ?? 1));
  let readable = 0;
  for (let i = 0; i < count; i++) {
    const bytes = make(random);
    const read = await readAll(bytes).catch((error: unknown) => {
      throw new Error(`file ${i}: ${Buffer.from(bytes).toString('base64').slice(0, 4000)}`, { cause: error });
    });
    expect(read ?? 0).toBeLessThanOrEqual(64 * 2 ** 20);
    if (read !== undefined) readable++;
  }
  return readable;
}

describe('files of weights with random faults', () => {
  const kinds = stored('kinds.pth');
  const small = archive({
    dict: [
      ['a', tensorCall()],
      ['b', { dict: [['c', tensorCall({ shape: [1] })]] }],
    ],
  });

  it('archives', { timeout }, async () => {
    expect(await tryAll((random) => mutate(random(2) ? kinds : small, random))).toBeLessThan(count);
  });

  it('files of PyTorch before 1.6', { timeout }, async () => {
    const kinds = stored('kinds-legacy.pth');
    const small = legacy({ dict: [['a', tensorCall()]] });
    expect(await tryAll((random) => mutate(random(2) ? kinds : small, random))).toBeLessThan(count);
  });

  it('pickles in archives that are whole', { timeout }, async () => {
    const values = new Uint8Array(Float32Array.of(1, 2).buffer);
    const plain = pickle({
      dict: [
        ['a', tensorCall()],
        ['b', [1, 'x', null, { call: 'a.b', args: [tensorCall()] }]],
      ],
    });
    const readable = await tryAll((random) =>
      zip([
        ['net/data.pkl', mutate(plain, random)],
        ['net/data/0', values],
      ]),
    );
    expect(readable).toBeLessThan(count);
  });

  it('pickles of random instructions', { timeout }, async () => {
    const tensor = [...pickle(tensorCall())].slice(2, -1);
    const steps = [...'N}])(tuseaqhbR.jrQ\x85\x86\x87\x88K'].map((letter) => [letter.charCodeAt(0)]);
    const words = [
      ...steps,
      tensor,
      [0x4b, 1],
      [0x58, 1, 0, 0, 0, 0x61],
      [...Buffer.from('ccollections\nOrderedDict\n')],
    ];
    await tryAll((random) => {
      const body = Array.from({ length: 1 + random(40) }, () => words[random(words.length)] as number[]).flat();
      return zip([
        ['net/data.pkl', Uint8Array.from([0x80, 2, ...body, 0x2e])],
        ['net/data/0', new Uint8Array(8)],
      ]);
    });
  });

  it('safetensors', { timeout }, async () => {
    const data = new Uint8Array(8);
    const whole = encodeSafetensors(
      new Map([
        ['a', { dtype: 'F32', shape: [2], data }],
        ['b', { dtype: 'I8', shape: [8], data }],
      ]),
    );
    expect(await tryAll((random) => mutate(whole, random))).toBeLessThan(count);
  });
});
