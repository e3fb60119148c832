/**
 * The 2-D layout behind the report's maps: UMAP (McInnes et al. 2018, arXiv:1802.03426) on cosine distances.
 * umap-js supplies the fuzzy graph and the layout; exact neighbours and a PCA start are ours, because its approximate search
 * is slower than brute force at a few thousand points and its random start makes maps of the same data look unrelated.
 */
import { UMAP } from 'umap-js';

const NEIGHBORS = 15;
const EPOCHS = 200;
const MIN_DIST = 0.4;

/** Small seeded generator (mulberry32): uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Rows scaled to length 1; a row of zeros stays zero. */
function normalizeRows(features: Float32Array, n: number, dim: number): Float32Array {
  const unit = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += features[i * dim + d]! ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let d = 0; d < dim; d++) unit[i * dim + d] = features[i * dim + d]! * scale;
  }
  return unit;
}

interface Neighbors {
  indices: number[][];
  distances: number[][];
}

/** The k nearest rows by cosine distance, the row itself first (as umap-js expects). */
function nearestNeighbors(unit: Float32Array, n: number, dim: number, k: number): Neighbors {
  const indices: number[][] = [];
  const distances: number[][] = [];
  const similarity = Array.from({ length: 4 }, () => new Float32Array(n));
  for (let i = 0; i < n; i += 4) {
    similarityOfFour(unit, n, dim, i, similarity);
    for (let r = 0; r < 4 && i + r < n; r++) {
      const row = similarity[r]!;
      row[i + r] = Number.POSITIVE_INFINITY;
      const best = largest(row, k);
      indices.push(best);
      distances.push(best.map((j) => (j === i + r ? 0 : Math.max(0, 1 - row[j]!))));
    }
  }
  return { indices, distances };
}

/** Dot products of rows first … first + 3 with every row; four at once, so that a row is read once for four sums. */
function similarityOfFour(unit: Float32Array, n: number, dim: number, first: number, out: Float32Array[]): void {
  const [a, b, c, e] = [0, 1, 2, 3].map((r) => Math.min(first + r, n - 1) * dim) as [number, number, number, number];
  const [outA, outB, outC, outE] = out as [Float32Array, Float32Array, Float32Array, Float32Array];
  for (let j = 0; j < n; j++) {
    const base = j * dim;
    let [sa, sb, sc, se] = [0, 0, 0, 0];
    for (let d = 0; d < dim; d++) {
      const v = unit[base + d]!;
      sa += v * unit[a + d]!;
      sb += v * unit[b + d]!;
      sc += v * unit[c + d]!;
      se += v * unit[e + d]!;
    }
    outA[j] = sa;
    outB[j] = sb;
    outC[j] = sc;
    outE[j] = se;
  }
}

/** Indices of the k largest values, largest first; equal values by index. */
function largest(values: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let j = 0; j < values.length; j++) {
    if (best.length === k && values[j]! <= values[best[k - 1]!]!) continue;
    let at = Math.min(best.length, k - 1);
    while (at > 0 && values[best[at - 1]!]! < values[j]!) {
      best[at] = best[at - 1]!;
      at--;
    }
    best[at] = j;
  }
  return best;
}

/** Coordinates on the two leading principal axes, by orthogonal iteration from a seeded start. */
function principalPlane(unit: Float32Array, n: number, dim: number, random: () => number): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < n; i++) for (let d = 0; d < dim; d++) mean[d]! += unit[i * dim + d]! / n;
  const axes = [0, 1].map(() => Float64Array.from({ length: dim }, () => random() - 0.5));
  const plane = new Float64Array(n * 2);
  for (let iteration = 0; iteration < 20; iteration++) {
    orthonormalize(axes as [Float64Array, Float64Array]);
    const next = [new Float64Array(dim), new Float64Array(dim)];
    for (let i = 0; i < n; i++) {
      for (let a = 0; a < 2; a++) {
        const axis = axes[a]!;
        const sums = next[a]!;
        let dot = 0;
        for (let d = 0; d < dim; d++) dot += (unit[i * dim + d]! - mean[d]!) * axis[d]!;
        plane[i * 2 + a] = dot;
        for (let d = 0; d < dim; d++) sums[d]! += dot * (unit[i * dim + d]! - mean[d]!);
      }
    }
    for (let a = 0; a < 2; a++) axes[a]!.set(next[a]!);
  }
  return plane;
}

function orthonormalize([first, second]: [Float64Array, Float64Array]): void {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, d) => sum + v * b[d]!, 0);
  const unitize = (a: Float64Array) => {
    const norm = Math.sqrt(dot(a, a));
    if (norm > 0) for (let d = 0; d < a.length; d++) a[d]! /= norm;
  };
  unitize(first);
  const shared = dot(first, second);
  for (let d = 0; d < second.length; d++) second[d]! -= shared * first[d]!;
  unitize(second);
}

/**
 * Lays n feature vectors out in the plane so that neighbours stay neighbours.
 *
 * @param features float32 (n, dim), row-major, finite; lengths of rows do not matter (cosine distance).
 * @returns float32 (n, 2). Deterministic given the seed. Blocks its thread for O(n² dim).
 */
export function umapLayout(features: Float32Array, n: number, dim: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const unit = normalizeRows(features, n, dim);
  const start = principalPlane(unit, n, dim, random);
  if (n < 4) return Float32Array.from(start); // too few points for a neighbour graph
  const k = Math.min(NEIGHBORS, n - 1);
  const { indices, distances } = nearestNeighbors(unit, n, dim, k);
  const umap = new UMAP({ nNeighbors: k, nEpochs: EPOCHS, minDist: MIN_DIST, random });
  umap.setPrecomputedKNN(indices, distances);
  // With neighbours given, umap-js only counts the rows.
  umap.initializeFit(Array.from({ length: n }, () => []));
  // getEmbedding() returns the rows that the layout moves, so writing them sets the start.
  const embedding = umap.getEmbedding();
  const scale = 10 / start.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);
  for (let i = 0; i < n; i++)
    for (let a = 0; a < 2; a++) embedding[i]![a] = start[i * 2 + a]! * scale + (random() - 0.5) * 1e-3;
  for (let epoch = 0; epoch < EPOCHS; epoch++) umap.step();
  return Float32Array.from(embedding.flat());
}
