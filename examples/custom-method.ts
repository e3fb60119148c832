/**
 * A method in one file: its options, its loss, its name. The command has it too, with a flag for each option:
 *
 *     npx tsx examples/custom-method.ts
 *     npx contrastive train --data fashion-mnist:bundled --import examples/custom-method.ts --method uniformity --weight 0.5
 */
import { parseArgs } from 'node:util';
import {
  defineMethod,
  FeatureMethod,
  type LossValue,
  loadDataset,
  type MethodParts,
  ops,
  presets,
  projectionHead,
  resnet18,
  type Tensor,
  Trainer,
} from 'contrastive';

/** A method whose loss looks at features alone: it works with any number of micro-batches. */
class Uniformity extends FeatureMethod {
  readonly #weight: number;

  constructor({ weight }: { readonly weight: number }, parts: MethodParts) {
    super(parts);
    this.#weight = weight;
  }

  /** It does nothing but call operations: a step may be recorded. */
  override get isPure(): boolean {
    return true;
  }

  /** @param features (batch, 2, dim) */
  override lossOf(features: Tensor): LossValue {
    const [x, y] = ops.normalize(features, { dim: 2 }).unbind(1) as [Tensor, Tensor]; // (batch, dim) each
    const alignment = x.sub(y).square().sum([1]).mean();
    return {
      loss: alignment.add(
        spread(x)
          .add(spread(y))
          .mul(this.#weight / 2),
      ),
    };
  }
}

/** log of the mean of exp(−2 ‖x_i − x_j‖²) over the pairs of rows, each of length 1. */
function spread(x: Tensor): Tensor {
  const rows = x.shape[0] as number;
  const self = ops.eye(rows, { dtype: 'bool', device: x.device });
  const distances = x.matmul(x.t()).mul(-2).add(2); // ‖x_i − x_j‖² = 2 − 2 x_i·x_j
  const pairs = distances.mul(-2).maskedFill(self, Number.NEGATIVE_INFINITY);
  return pairs.logsumexp([0, 1]).sub(Math.log(rows * (rows - 1)));
}

/**
 * Alignment and uniformity on the hypersphere: views of an image lie near each other, images apart.
 *
 *     L = mean ‖x_i − y_i‖² + λ · ½ ( log mean_{i≠j} exp(−2‖x_i − x_j‖²) + log mean_{i≠j} exp(−2‖y_i − y_j‖²) )
 *
 * Source: Wang & Isola 2020, arXiv:2005.10242, eq. 4 with α = 2 and t = 2. Published for STL-10: a small AlexNet, batch 768, SGD, lr 0.36, λ 1.
 */
export const uniformity = defineMethod({
  name: 'uniformity',
  options: {
    /** λ ≥ 0. Default 1. */
    weight: { type: 'number', default: 1, min: 0, value: 'LAMBDA', help: 'weight of uniformity beside alignment' },
  },
  views: [2, 2],
  comparesBatch: true,
  isOfFeatures: true,
  make: (options, parts) => new Uniformity(options, parts),
});

async function main(): Promise<void> {
  parseArgs(); // there are none: what is typed is refused
  const dataset = await loadDataset('fashion-mnist', { split: 'train', limit: 2048, subset: 'bundled' });
  using encoder = resnet18({ stem: 'cifar', width: 8, inChannels: 1 });
  using head = projectionHead({ inFeatures: encoder.featureDim });
  const trainer = new Trainer({
    encoder,
    head,
    augment: presets.simclr({ size: 28, mean: 0.286, std: 0.353 }),
    method: uniformity({ weight: 0.5 }),
    batchSize: 256,
    epochs: 2,
  });
  for await (const event of trainer.events(dataset))
    if (event.kind === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(4)}`);
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
