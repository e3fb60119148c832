/** How sure a share of right answers is, and whether two of them differ. */

/** The 97.5 % point of the normal distribution: 95 % lie within ± this. */
const z = 1.959964;

/**
 * The 95 % interval of a share that was counted on `count` items.
 *
 *     (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
 *
 * Source: Wilson 1927, Journal of the American Statistical Association 22, 209–212; without a continuity correction.
 *
 * @param share from 0 to 1. @param count at least 1.
 */
export function wilsonInterval(share: number, count: number): readonly [low: number, high: number] {
  const middle = share + z ** 2 / (2 * count);
  const reach = z * Math.sqrt((share * (1 - share)) / count + (z / (2 * count)) ** 2);
  const scale = 1 + z ** 2 / count;
  return [Math.max(0, (middle - reach) / scale), Math.min(1, (middle + reach) / scale)];
}

/**
 * The point of the normal distribution above which the part `p` lies, for p up to 0.5, to 0.00045.
 * Source: Abramowitz & Stegun 1964, 26.2.23.
 */
function normalAbove(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return t - (2.515517 + 0.802853 * t + 0.010328 * t ** 2) / (1 + 1.432788 * t + 0.189269 * t ** 2 + 0.001308 * t ** 3);
}

/**
 * Whether two shares differ by more than chance explains: the two-sided test of two proportions with the pooled variance, at 5 %.
 * Shares of the same items go together, so that for them the test rather says no too often than too seldom.
 *
 * @param a and b, from 0 to 1. @param count items that each was counted on.
 * @param looks of how many shares `a` is the one that differs most: the test is then at 5 % / looks (Bonferroni).
 */
export function sharesDiffer(a: number, b: number, count: number, looks = 1): boolean {
  const pooled = (a + b) / 2;
  const deviation = Math.sqrt((2 * pooled * (1 - pooled)) / count);
  return Math.abs(a - b) > normalAbove(0.025 / looks) * deviation;
}

/**
 * The share that is right without looking: always the class that most training images have.
 * @param train and test, the class of each image.
 */
export function chanceShare(train: ArrayLike<number>, test: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (const label of Array.from(train)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [most] = [...counts].reduce((best, next) => (next[1] > best[1] ? next : best));
  return Array.from(test).filter((label) => label === most).length / test.length;
}
