/** A method that is one loss, by its name, of the features of a batch. */
import { type BoundLoss, type LossValue, lossOf } from '../losses/all.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FeatureMethod, type MethodParts, type Targets } from './method.ts';

type Numbers = Readonly<Record<string, number>>;

/** Features of all views of a batch, compared with each other by a loss that has a name. */
export class NamedLoss extends FeatureMethod<Numbers> {
  readonly #loss: BoundLoss;

  constructor(spec: { readonly name: string }, parts: MethodParts) {
    super(parts);
    this.#loss = lossOf(spec);
  }

  override get isPure(): boolean {
    return true;
  }

  override numbersAt(progress: number): Numbers {
    return this.#loss.numbersAt(progress);
  }

  override lossOf(features: Tensor, { labels, ids, numbers }: Targets<Numbers>): LossValue {
    return this.#loss.call(features, { labels, ids }, numbers);
  }
}
