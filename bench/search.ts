/**
 * Exact search beside FAISS's IndexFlatIP (bench/peers/search_ref.py) over the same file, in turn: one query, and many
 * together; and how far one query is from the time that its memory takes to read.
 *
 * usage: npm run bench -- search [--help]
 */
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIndex, type FeatureIndex, type Neighbour, ops, sync } from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, ratio, runPeer } from './peer.ts';

const values = benchOptions({
  images: countOf(1_000_000, 'rows of the index'),
  dim: countOf(128, 'features of a row'),
  queries: countOf(64, 'searches at once'),
  rounds: countOf(2, 'runs of each side'),
});
const [images, dim, count] = [values.images, values.dim, values.queries];
const k = 10;
const runs = 10;

interface Theirs {
  readonly one: number;
  readonly all: number;
  readonly numbers: readonly (readonly number[])[];
  readonly cosines: readonly (readonly number[])[];
}

async function* entries() {
  const block = 50_000;
  for (let begin = 0; begin < images; begin += block) {
    const rows = Math.min(block, images - begin);
    using values = ops.randn([rows, dim], { seed: begin + 1 });
    const data = (await values.data()) as Float32Array;
    for (let i = 0; i < rows; i++) yield { name: String(begin + i), vector: data.subarray(i * dim, (i + 1) * dim) };
  }
}

async function time(work: (run: number) => Promise<unknown>): Promise<number> {
  await work(0);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work(run);
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Neighbours that are not FAISS's, other than by rounding. */
const differences = (found: readonly Neighbour[][], theirs: Theirs): number =>
  found.flatMap((row, i) =>
    row.filter(({ number, cosine }, place) => {
      const isSame = theirs.numbers[i]?.[place] === number;
      return !isSame && Math.abs(cosine - (theirs.cosines[i]?.[place] ?? 0)) > 1e-5;
    }),
  ).length;

async function ours(index: FeatureIndex, queries: readonly Float32Array[]) {
  const all = (): Promise<Neighbour[][]> => Promise.all(queries.map((query) => index.search(query, { k })));
  return {
    one: await time((run) => index.search(queries[run % count] as Float32Array, { k })),
    all: await time(all),
    found: await all(),
    read: await time(async () => {
      using sum = index.features.sum();
      await sum.data();
    }),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'contrastive-search-'));
try {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < 8 * images * dim) throw new Error(`${folder}: there is no room for ${4 * images * dim} bytes`);
  await using index = await createIndex(join(folder, 'bench.index'), entries());
  using random = ops.randn([count, dim], { seed: 0 });
  const data = (await random.data()) as Float32Array;
  const queries = Array.from({ length: count }, (_, i) => data.slice(i * dim, (i + 1) * dim));
  // FAISS takes queries as they are: of length 1, its products are cosines.
  for (const query of queries) {
    const length = Math.hypot(...query);
    query.forEach((value, d) => {
      query[d] = value / length;
    });
  }
  writeFileSync(join(folder, 'queries'), new Uint8Array(Float32Array.from(queries.flatMap((q) => [...q])).buffer));
  await sync();
  const rounds: { we: Awaited<ReturnType<typeof ours>>; they: Theirs }[] = [];
  for (let round = 0; round < values.rounds; round++) {
    const we = await ours(index, queries);
    const line = runPeer('search_ref.py', [index.path, join(folder, 'queries'), String(runs)]);
    const they = JSON.parse(line) as Theirs;
    rounds.push({ we, they });
    console.log(
      `one query: ours ${we.one.toFixed(1)} ms, FAISS ${they.one.toFixed(1)} ms; ${count} together: ours ${we.all.toFixed(0)} ms, ` +
        `FAISS ${they.all.toFixed(0)} ms; reading the features ${we.read.toFixed(1)} ms; ${differences(we.found, they)} neighbours differ`,
    );
  }
  const of = (side: 'we' | 'they', what: 'one' | 'all'): number[] => rounds.map((each) => each[side][what]);
  console.log(`one query: ${ratio(of('they', 'one'), of('we', 'one'))} as fast as FAISS`);
  console.log(`${count} together: ${ratio(of('they', 'all'), of('we', 'all'))} as fast as FAISS`);
  console.log(
    `one query takes ${median(rounds.map(({ we }) => we.one / we.read)).toFixed(2)} times what reading takes`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
