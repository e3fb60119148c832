/**
 * Tests of distributions. Each returns a standard normal score, large when the numbers do not fit; `unlikely` is exceeded
 * by chance once in 30 000 tests. Draws are functions of their seed, so what passes once passes always.
 */

export const unlikely = 4;

/** The score of a chi-square statistic. Source: Wilson & Hilferty 1931, "The distribution of chi-square". */
function scoreOfChiSquare(statistic: number, degrees: number): number {
  if (degrees === 0) return 0; // all in one cell, on both sides
  const spread = 2 / (9 * degrees);
  return (Math.cbrt(statistic / degrees) - 1 + spread) / Math.sqrt(spread);
}

/** Joins neighbours until each cell holds at least `least`, as a chi-square needs. */
function merge(cells: readonly (readonly [number, number])[], least: number): [number, number][] {
  const merged: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [a, b] of cells) {
    open = [(open?.[0] ?? 0) + a, (open?.[1] ?? 0) + b];
    if (open[1] < least) continue;
    merged.push(open);
    open = undefined;
  }
  const last = merged.at(-1);
  if (open !== undefined && last !== undefined) merged[merged.length - 1] = [last[0] + open[0], last[1] + open[1]];
  return merged;
}

/** Pearson's chi-square: counts against the probability of each cell. */
export function scoreOfCounts(counts: readonly number[], probabilities: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const cells = merge(
    counts.map((count, i) => [count, total * (probabilities[i] as number)] as const),
    10,
  );
  const statistic = cells.reduce((sum, [count, expected]) => sum + (count - expected) ** 2 / expected, 0);
  return scoreOfChiSquare(statistic, cells.length - 1);
}

/** Chi-square of two samples' counts in the same cells. */
export function scoreOfTwoCounts(ours: readonly number[], theirs: readonly number[]): number {
  const [n, m] = [ours, theirs].map((counts) => counts.reduce((sum, count) => sum + count, 0)) as [number, number];
  const cells = merge(
    ours.map((count, i) => [count, theirs[i] as number] as const),
    20,
  );
  const [a, b] = [Math.sqrt(m / n), Math.sqrt(n / m)];
  const statistic = cells.reduce((sum, [x, y]) => sum + (a * x - b * y) ** 2 / Math.max(1, x + y), 0);
  return scoreOfChiSquare(statistic, cells.length - 1);
}

/** The score of the largest distance of two distribution functions. Source: Kolmogorov 1933, first term of the tail. */
function scoreOfDistance(distance: number, effective: number): number {
  const logTail = Math.LN2 - 2 * effective * distance ** 2; // log P(distance or more)
  return Math.sqrt(Math.max(0, -2 * logTail - Math.log(Math.max(1, -4 * Math.PI * logTail)))); // of a normal's tail, both sides
}

/** Kolmogorov-Smirnov: a sample against a continuous distribution function. */
export function scoreOfSample(values: ArrayLike<number>, distribution: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  let distance = 0;
  for (const [i, x] of sorted.entries()) {
    const expected = distribution(x);
    distance = Math.max(distance, (i + 1) / n - expected, expected - i / n);
  }
  return scoreOfDistance(distance, n);
}

/** Kolmogorov-Smirnov of two samples, of one of which the numbers `below` each of the points `at` are known. */
export function scoreOfQuantiles(
  values: ArrayLike<number>,
  theirs: { readonly at: readonly number[]; readonly below: readonly number[]; readonly draws: number },
): number {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  let next = 0;
  let distance = 0;
  for (const [i, x] of theirs.at.entries()) {
    while (next < n && (sorted[next] as number) <= x) next++;
    distance = Math.max(distance, Math.abs(next / n - (theirs.below[i] as number) / theirs.draws));
  }
  return scoreOfDistance(distance, (n * theirs.draws) / (n + theirs.draws));
}

/** Pearson's correlation, as a score: its standard deviation is 1 / √n for independent numbers. */
export function scoreOfCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const mean = (x: ArrayLike<number>): number => (Array.prototype.reduce.call(x, (s, v) => s + v, 0) as number) / n;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [(a[i] as number) - meanA, (b[i] as number) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return (Math.abs(ab) / Math.sqrt(aa * bb)) * Math.sqrt(n);
}

export const uniform =
  (low: number, high: number) =>
  (x: number): number =>
    Math.min(1, Math.max(0, (x - low) / (high - low)));

/** How often each of 0 … cells − 1 occurs. */
export function countsOf(values: ArrayLike<number>, cells: number): number[] {
  const counts = new Array<number>(cells).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(Number.isInteger(value) && value >= 0 && value < cells))
      throw new Error(`${value} is not in 0 … ${cells - 1}`);
    counts[value] = (counts[value] as number) + 1;
  }
  return counts;
}
