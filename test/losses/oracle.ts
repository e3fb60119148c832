/** The losses of the papers as plain nested loops in float64, with every option. */
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { permutation } from './twister.ts';

export interface Case {
  /** [batch][views][dim] */
  readonly features: readonly (readonly (readonly number[])[])[];
  readonly labels?: readonly number[] | undefined;
  /** [batch][classes], 0 and 1 */
  readonly labelSets?: readonly (readonly number[])[] | undefined;
  readonly mask?: readonly (readonly number[])[] | undefined;
  readonly ids?: readonly number[] | undefined;
  readonly bank?: Bank | undefined;
  readonly temperature: number;
  readonly variant: 'out' | 'in';
  readonly denominators?: 'all' | 'negatives-and-one-positive' | 'negatives' | undefined;
  readonly anchors: 'all' | 'first' | 'queries';
  readonly noPositives: 'ignore' | 'zero';
  readonly maxPositives?: number | undefined;
  readonly seed?: number | undefined;
  readonly hardNegatives?: { readonly concentration: number; readonly classPrior: number } | undefined;
  /** σ of DCLW's weights. */
  readonly sigma?: number | undefined;
  readonly lossScale: number;
  readonly normalize: boolean;
}

interface Bank {
  readonly features: readonly (readonly number[])[];
  readonly labels?: readonly number[] | undefined;
  readonly labelSets?: readonly (readonly number[])[] | undefined;
  readonly ids?: readonly number[] | undefined;
}

interface Candidate {
  /** Index of the sample that it shows; undefined for one that the batch does not hold. */
  readonly sample: number | undefined;
  /** Undefined in the bank. */
  readonly view: number | undefined;
  /** Index in the batch, or in the bank. */
  readonly row: number;
  readonly label: number | undefined;
  readonly labelSet: readonly number[] | undefined;
  readonly place: number;
  readonly z: readonly number[];
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + x * (b[d] as number), 0);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function logSumExp(values: readonly number[]): number {
  const max = Math.max(...values);
  return max === -Infinity ? -Infinity : max + Math.log(sum(values.map((v) => Math.exp(v - max))));
}

function candidatesOf(c: Case): Candidate[] {
  const batch = c.features.length;
  const views = c.features[0]?.length ?? 0;
  const ids = c.ids ?? c.features.map((_, i) => i);
  const places = permutation(batch * views + (c.bank?.features.length ?? 0), c.seed ?? 0);
  const unit = (x: readonly number[]): number[] => {
    const norm = c.normalize ? Math.sqrt(dot(x, x)) || 1 : 1;
    return x.map((value) => value / norm);
  };
  const made: Candidate[] = [];
  const add = (x: readonly number[], candidate: Omit<Candidate, 'z' | 'place'>): void => {
    made.push({ ...candidate, z: unit(x), place: places[made.length] as number });
  };
  for (let view = 0; view < views; view++)
    for (let i = 0; i < batch; i++) {
      const shown = { sample: ids.indexOf(ids[i] as number), label: c.labels?.[i], labelSet: c.labelSets?.[i] };
      add(c.features[i]?.[view] as number[], { ...shown, ...(c.mask && { sample: i }), view, row: i });
    }
  c.bank?.features.forEach((x, j) => {
    const found = c.bank?.ids === undefined ? -1 : ids.indexOf(c.bank.ids[j] as number);
    const isKnown = found >= 0;
    const label = isKnown ? c.labels?.[found] : c.bank?.labels?.[j];
    const labelSet = isKnown ? c.labelSets?.[found] : c.bank?.labelSets?.[j];
    add(x, { sample: isKnown ? found : undefined, view: undefined, row: j, label, labelSet });
  });
  return made;
}

/** Whether an anchor i is compared with a: a query with its own key and the bank, any other anchor with all but itself. */
function isCompared(c: Case, i: Candidate, a: Candidate): boolean {
  if (c.anchors !== 'queries') return a !== i;
  return a.view === undefined || (a.view === 1 && a.row === i.row);
}

/** The weight of `p` as a positive of `i`. */
function weightOf(c: Case, i: Candidate, p: Candidate): number {
  if (c.mask) return p.sample === undefined ? 0 : (c.mask[i.sample as number]?.[p.sample] as number);
  if (c.labels) return i.label === p.label ? 1 : 0;
  if (i.sample === p.sample) return 1;
  if (!c.labelSets || !i.labelSet || !p.labelSet) return 0;
  const both = sum(i.labelSet.map((has, k) => has * (p.labelSet?.[k] as number)));
  const either = sum(i.labelSet.map((has, k) => Math.max(has, p.labelSet?.[k] as number)));
  return either === 0 ? 0 : both / either;
}

/** log of DCLW's mean of exp(z_i·z_p/σ) over all positive pairs. */
function logMisesMean(c: Case, anchors: readonly Candidate[], candidates: readonly Candidate[]): number {
  const all = anchors.flatMap((i) =>
    candidates.filter((p) => isCompared(c, i, p) && weightOf(c, i, p) > 0).map((p) => [i, p]),
  );
  const logs = all.map(([i, p]) => dot((i as Candidate).z, (p as Candidate).z) / (c.sigma as number));
  return logSumExp(logs) - Math.log(all.length);
}

/** log of what the negatives contribute to a denominator: their sum, or Robinson et al.'s estimate of it. */
function logNegatives(c: Case, negatives: readonly number[], positives: readonly { s: number; w: number }[]): number {
  const { concentration: beta, classPrior } = c.hardNegatives ?? { concentration: 0, classPrior: 0 };
  const count = negatives.length;
  if (count === 0) return -Infinity;
  const log = logSumExp(negatives.map((s) => s * (1 + beta))) - logSumExp(negatives.map((s) => s * beta));
  if (classPrior === 0) return log + Math.log(count);
  const total = sum(positives.map(({ w }) => w));
  const positive = logSumExp(positives.map(({ s, w }) => s + Math.log(w))) - Math.log(total);
  // In units of the larger, as exp() of either may be beyond float64.
  const top = Math.max(log, positive);
  const estimate = (Math.exp(log - top) - classPrior * Math.exp(positive - top)) / (1 - classPrior);
  return Math.log(count) + Math.max(-1 / c.temperature, estimate > 0 ? top + Math.log(estimate) : -Infinity);
}

/** One anchor's term, or undefined when it has none. `mises`: logMisesMean(), and the candidates at which DCLW's weights are taken. */
function termOf(c: Case, i: Candidate, candidates: readonly Candidate[], mises?: { logMean: number; at: Candidate[] }) {
  const size = candidates.length;
  const s = (a: Candidate): number => dot(i.z, a.z) / c.temperature;
  const others = candidates.filter((a) => isCompared(c, i, a)).map((a) => ({ a, s: s(a), w: weightOf(c, i, a) }));
  const related = others.filter(({ w }) => w > 0);
  const negatives = others.filter(({ w }) => w === 0).map((n) => n.s);
  const behind = ({ a }: { a: Candidate }): number => (a.place - i.place + size) % size;
  const positives = related.sort((p, q) => behind(p) - behind(q)).slice(0, c.maxPositives ?? size);
  const total = sum(positives.map(({ w }) => w));
  if (!(total > 0)) return undefined;
  if (c.denominators === 'negatives' && negatives.length === 0) return undefined;

  const hard = logNegatives(c, negatives, positives);
  const denominator = (p: { s: number }): number => {
    if (c.denominators === 'negatives') return hard;
    if (c.denominators === 'negatives-and-one-positive') return logSumExp([p.s, hard]);
    return c.hardNegatives ? logSumExp([...related.map((q) => q.s), hard]) : logSumExp(others.map((q) => q.s));
  };
  if (mises !== undefined) {
    const [zi, at] = [mises.at[candidates.indexOf(i)] as Candidate, (p: Candidate) => mises.at[candidates.indexOf(p)]];
    const weight = (p: Candidate) =>
      2 - Math.exp(dot(zi.z, (at(p) as Candidate).z) / (c.sigma as number) - mises.logMean);
    return sum(positives.map((p) => p.w * (denominator(p) - weight(p.a) * p.s))) / total;
  }
  return c.variant === 'out'
    ? sum(positives.map((p) => p.w * (denominator(p) - p.s))) / total
    : Math.log(total) - logSumExp(positives.map((p) => p.s - denominator(p) + Math.log(p.w)));
}

/** @param weightsAt the case at which weights without a gradient are taken; default `c`. */
export function oracle(c: Case, weightsAt: Case = c): { loss: number; validAnchors: number } {
  const candidates = candidatesOf(c);
  const isAnchor = ({ view }: Candidate): boolean => view !== undefined && (c.anchors === 'all' || view === 0);
  const anchors = candidates.filter(isAnchor);
  let mises: { logMean: number; at: Candidate[] } | undefined;
  if (c.sigma !== undefined) {
    const at = candidatesOf(weightsAt);
    mises = { logMean: logMisesMean(weightsAt, at.filter(isAnchor), at), at };
  }
  const terms = anchors.map((i) => termOf(c, i, candidates, mises)).filter((term) => term !== undefined);
  const counted = c.noPositives === 'zero' ? anchors.length : Math.max(1, terms.length);
  return { loss: (c.lossScale * sum(terms)) / counted, validAnchors: terms.length };
}

/** f[i][v][d] = sin(1 + 3i + 5v + 7d) */
export const formulaFeatures = (batch: number, views: number, dim: number): number[][][] =>
  Array.from({ length: batch }, (_, i) =>
    Array.from({ length: views }, (_, v) => Array.from({ length: dim }, (_, d) => Math.sin(1 + 3 * i + 5 * v + 7 * d))),
  );

/** The gradient that arrived at `leaf`, as numbers. */
export const gradientOf = (leaf: Tensor): number[] =>
  Array.from((leaf.grad as Tensor).dataSync() as ArrayLike<number>, Number);
