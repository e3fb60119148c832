/** How the newest batch's features lie on the sphere. */
import { contrastiveMetrics } from '../losses/metrics.ts';
import { noGrad } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { FeatureMonitor, Figures, ObservedBatch } from '../train/monitors.ts';

class FeatureSpread implements FeatureMonitor {
  /** Of the newest batch, (batch, views, dim). */
  #newest: Tensor | undefined;

  observe({ features }: ObservedBatch): void {
    this.#newest?.dispose();
    this.#newest = noGrad(() => features.clone());
  }

  async figures(): Promise<Figures> {
    if (this.#newest === undefined) return {};
    using features = noGrad(() => (this.#newest as Tensor).clone()); // a step may come while this is computed
    const { alignment, uniformity, spread } = await contrastiveMetrics(features);
    return {
      ...(!Number.isNaN(alignment) && { featureAlignment: alignment }),
      featureUniformity: uniformity,
      featureSpread: spread,
    };
  }

  [Symbol.dispose](): void {
    this.#newest?.dispose();
    this.#newest = undefined;
  }
}

/**
 * Alignment, uniformity and spread (`contrastiveMetrics`) of the encoder's features of the newest batch, where the metrics of a step's
 * event are of what the loss compares, behind the head. Figures `featureAlignment`, where several views of an image go through the
 * encoder, `featureUniformity`, and `featureSpread`, which falls to 0 where the features collapse.
 */
export const featureSpread = (): FeatureMonitor => new FeatureSpread();
