/**
 * A loss and a projection head written in TypeScript, with gradients by libtorch's autograd; trained once by hand, with
 * every line of the step in view, and once inside the Trainer.
 *
 *     npx tsx examples/custom-loss.ts
 */
import { parseArgs } from 'node:util';
import {
  type Augmentation,
  type CustomLoss,
  DataLoader,
  type Dataset,
  Generator,
  loadDataset,
  nn,
  ops,
  presets,
  resnet18,
  SGD,
  type Tensor,
  Trainer,
  tensor,
  tidy,
} from 'contrastive';

/**
 * The supervised contrastive loss (Khosla et al. 2020, eq. 2), as one would write it in PyTorch. It holds matrices of
 * N × N similarities, N = batch · views: `supConLoss` computes the same in blocks.
 *
 * @param temperature τ > 0.
 */
export function supConFromScratch(temperature: number): CustomLoss {
  return (features, { labels }) => {
    const [batch, views, dim] = features.shape as [number, number, number];
    const rows = features.transpose(0, 1).reshape([views * batch, dim]); // (N, dim): all of view 0, then all of view 1
    const z = ops.normalize(rows);
    const device = features.device;
    const self = ops.eye(views * batch, { device, dtype: 'bool' }); // (N, N)

    // log( exp(z_i·z_a / τ) / Σ_{a≠i} exp(z_i·z_a / τ) )
    const logits = z.matmul(z.t()).div(temperature).maskedFill(self, Number.NEGATIVE_INFINITY);
    const logProb = logits.sub(logits.logsumexp(1, true));

    // Without labels, the positives of a row are the other views of its image: SimCLR.
    const classes = (labels ?? ops.arange(batch, { device, dtype: 'int64' })).repeat([views]);
    const positive = classes.unsqueeze(0).eq(classes.unsqueeze(1)).logicalAnd(self.logicalNot()); // (N, N)
    const count = positive.sum(1);
    const hasPositive = count.gt(0);
    const perAnchor = logProb.maskedFill(positive.logicalNot(), 0).sum(1).neg().div(count.clamp(1)); // (N)
    return perAnchor.mul(hasPositive).sum().div(hasPositive.sum().clamp(1));
  };
}

/** One hidden layer, with a residual connection around it: x + W₂·GELU(W₁·x). */
export class ResidualHead extends nn.Module {
  readonly down: nn.Linear;
  readonly up: nn.Linear;

  constructor(features: number, hidden: number, seed: number) {
    super();
    const generator = new Generator(seed);
    this.down = new nn.Linear(features, hidden, { bias: false, generator });
    this.up = new nn.Linear(hidden, features, { bias: false, generator });
  }

  /** (n, features) → (n, features) */
  override forward(x: Tensor): Tensor {
    return x.add(this.up.forward(this.down.forward(x).gelu()));
  }
}

export interface LoopOptions {
  readonly dataset: Dataset;
  readonly encoder: nn.Module;
  readonly head: nn.Module;
  readonly loss: CustomLoss;
  readonly augment: Augmentation;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
}

/** The loop in full view. Returns the loss of each step. */
export async function trainByHand(options: LoopOptions): Promise<number[]> {
  const { dataset, encoder, head, loss, augment, epochs, batchSize, lr, seed } = options;
  using optimizer = new SGD([...encoder.parameters(), ...head.parameters()], { lr, momentum: 0.9 });
  const loader = new DataLoader(dataset, {
    batchSize,
    shuffle: true,
    seed,
    dropLast: true,
    transform: (samples, epoch) => {
      const images = augment.apply(samples, { seed, epoch, views: 2 }); // (2 · batch, channels, height, width)
      const labels = tensor(Int32Array.from(samples, (sample) => sample.label ?? 0));
      const dispose = (): void => {
        images.dispose();
        labels.dispose();
      };
      return { images, labels, [Symbol.dispose]: dispose };
    },
  });
  const losses: number[] = [];
  encoder.train();
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const batch of loader.epoch(epoch)) {
      using inputs = batch;
      using value = tidy(() => {
        const z = head.forward(encoder.forward(inputs.images)); // (2 · batch, dim)
        const features = z.reshape([2, batchSize, z.shape[1] as number]).transpose(0, 1); // (batch, 2, dim)
        const result = loss(features, { labels: inputs.labels });
        optimizer.zeroGrad();
        result.backward();
        optimizer.step();
        return result;
      });
      losses.push(await value.item()); // the only wait: everything above is queued, and computed on native threads
    }
  encoder.eval();
  return losses;
}

/** The same inside the Trainer, which brings schedule, precision, events, checkpoints and AbortSignal. */
export async function trainWithTrainer(options: LoopOptions): Promise<number[]> {
  const { dataset, encoder, head, loss, augment, epochs, batchSize, lr, seed } = options;
  const trainer = new Trainer({
    encoder,
    head,
    loss,
    augment,
    epochs,
    batchSize,
    seed,
    optimizer: { name: 'sgd', lr, momentum: 0.9 },
    schedule: { name: 'constant' },
  });
  const losses: number[] = [];
  for await (const event of trainer.events(dataset)) if (event.kind === 'step') losses.push(event.loss);
  return losses;
}

async function main(): Promise<void> {
  parseArgs(); // there are none: what is typed is refused
  const dataset = await loadDataset('fashion-mnist', { split: 'train', limit: 2048, subset: 'bundled' });
  const shared = {
    dataset,
    loss: supConFromScratch(0.1),
    augment: presets.supcon({ size: 28, mean: 0.286, std: 0.353 }),
    epochs: 2,
    batchSize: 128,
    lr: 0.02,
    seed: 0,
  };
  for (const [title, run] of [
    ['by hand', trainByHand],
    ['inside the Trainer', trainWithTrainer],
  ] as const) {
    using encoder = resnet18({ stem: 'cifar', width: 8, inChannels: 1 });
    using head = new ResidualHead(encoder.featureDim, 32, 0);
    const losses = await run({ ...shared, encoder, head });
    console.log(
      `${title}: loss ${losses[0]?.toFixed(4)} at first, ${losses.at(-1)?.toFixed(4)} after ${losses.length}`,
    );
  }
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
