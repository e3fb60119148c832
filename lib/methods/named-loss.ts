/** A method that is one contrastive loss of the features of a batch. */

import type { Tensor } from '../tensor/tensor.ts';
import {
  type ContrastiveLossSpec,
  checkContrastiveLoss,
  nativeLoss,
  type TemperatureNumbers,
  temperatureAt,
} from './contrastive-loss.ts';
import { FeatureMethod, type LossValue, type MethodParts, type Targets } from './method.ts';

/** Features of all views of a batch, compared with each other by a loss that has a name. */
export class NamedLoss extends FeatureMethod<TemperatureNumbers> {
  readonly #spec: ContrastiveLossSpec;
  readonly #call: ReturnType<typeof nativeLoss>['call'];

  constructor(spec: ContrastiveLossSpec, parts: MethodParts) {
    super(parts);
    this.#spec = spec;
    this.#call = nativeLoss(spec).call;
  }

  override get isPure(): boolean {
    return this.constructor === NamedLoss;
  }

  override numbersAt(progress: number): TemperatureNumbers {
    return temperatureAt(this.#spec, progress);
  }

  override lossOf(features: Tensor, { labels, ids, numbers }: Targets<TemperatureNumbers>): LossValue {
    return this.#call(features, { labels, ids, temperature: numbers.temperature });
  }
}

/** The options of a loss by name, checked as those of a method. @throws {OptionError} */
export function checkLossOptions<Spec extends ContrastiveLossSpec>(
  method: string,
  name: Spec['name'],
  options: Omit<Spec, 'name'>,
): Omit<Spec, 'name'> {
  const { name: _, ...checked } = checkContrastiveLoss({ ...options, name } as Spec, method);
  return checked;
}
