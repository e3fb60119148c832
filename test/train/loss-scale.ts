/** The steps of test/fixtures/make_loss_scale.py, on any device. */
import { readFileSync } from 'node:fs';
import { SGD } from '../../lib/optim/sgd.ts';
import { ones } from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { LossScale } from '../../lib/train/loss-scale.ts';

interface ScaledStep {
  readonly scale: number;
  /** Of the gradient, divided by the scale, before clipping; null where it is not finite. */
  readonly norm: number | null;
  readonly weights: readonly number[];
}

const fixture = new URL('../fixtures/train/loss_scale.json', import.meta.url);

/** What torch.amp.GradScaler came to. */
export const stored = (): ScaledStep[] => JSON.parse(readFileSync(fixture, 'utf8'));

const overflows = (step: number): boolean => step % 7 === 3 || (step >= 24 && step <= 26);

export async function scaledSteps(device: string): Promise<ScaledStep[]> {
  const weights = ones([4], { device });
  weights.requiresGrad = true;
  using optimizer = new SGD([weights], { lr: 0.1, momentum: 0.9, clipNorm: 1 });
  using lossScale = new LossScale(device, { scale: 1024, interval: 3 });
  const steps: ScaledStep[] = [];
  for (const step of stored().keys()) {
    const gradient = Float32Array.from({ length: 4 }, (_, i) => Math.cos(step + i));
    optimizer.zeroGrad();
    weights.mul(tensor(gradient, { device })).sum().mul(lossScale.scale).backward();
    // An infinity, added to what is there.
    if (overflows(step)) weights.narrow(0, 0, 1).mul(Number.POSITIVE_INFINITY).sum().backward();
    const status = tensor(0n, { device });
    lossScale.follow(optimizer.stepIfFinite(optimizer.ratesAt(0.1, 0), status, lossScale.scale));
    const norm = await optimizer.gradientNorm.item();
    const { scale } = await lossScale.read();
    steps.push({
      scale,
      norm: Number.isFinite(norm) ? norm : null,
      weights: Array.from((await weights.data()) as Float32Array),
    });
  }
  return steps;
}
