/** Notices features that have become all the same. */
import type { ContrastiveMetrics } from '../losses/metrics.ts';

/** The spread is 1 for features all over the sphere and 0 for equal ones; below this they have collapsed. */
export const collapsedBelow = 0.1;
/** Steps in a row: an encoder that has just begun may pass through a narrow spread. */
export const collapsedSteps = 20;

/**
 * Looks at the metrics of one step after the other, and says once that the last `collapsedSteps` had a spread below
 * `collapsedBelow`.
 * Source of the measure: Chen & He 2021, arXiv:2011.10566, section 4.1.
 */
export class CollapseWatch {
  #narrow = 0;
  #said = false;

  sees({ spread }: ContrastiveMetrics): boolean {
    this.#narrow = spread < collapsedBelow ? this.#narrow + 1 : 0;
    const says = !this.#said && this.#narrow >= collapsedSteps;
    this.#said ||= says;
    return says;
  }
}
