/** Every optimizer on a device makes the steps that it makes on the CPU. */
import { expect, it } from 'vitest';
import { checkOptimizer, makeOptimizer, type OptimizerSpec, optimizers } from '../../lib/optim/optimizer.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { takeLog, device as there, waitsOfStreams } from '../device/device.ts';

const specs: readonly OptimizerSpec[] = [
  { name: 'sgd', lr: 0.1, weightDecay: 0.01 },
  { name: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true },
  { name: 'adam', lr: 0.01, weightDecay: 0.01 },
  { name: 'adamw', lr: 0.01, weightDecay: 0.1, clipNorm: 0.5 },
  { name: 'lars', lr: 0.1, momentum: 0.9, weightDecay: 0.01 },
];
const filled = (count: number, phase: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + phase));

/** The parameters, the state and the norms of the gradients after three steps. */
async function threeSteps(device: string, spec: OptimizerSpec) {
  const weight = tensor(filled(12, 0), { shape: [3, 4], device, requiresGrad: true });
  const bias = tensor(filled(5, 1), { device, requiresGrad: true });
  const optimizer = makeOptimizer(spec, new Map(Object.entries({ weight, bias })));
  takeLog();
  for (let step = 0; step < 3; step++) {
    for (const parameter of [weight, bias]) {
      const slope = tensor(filled(parameter === bias ? 5 : 12, 7 * step + 2), { shape: parameter.shape, device });
      parameter.mul(slope).sum().backward();
    }
    optimizer.step();
    optimizer.zeroGrad();
  }
  const made = [weight, bias, ...optimizer.stateDict().values()];
  const waits = waitsOfStreams(takeLog());
  const values = await Promise.all(made.map(async (one) => Array.from(await one.data(), Number)));
  return { values: values.flat(), waits };
}

describeOnDevice(() => {
  it.each(specs.map((spec) => [checkOptimizer(spec).name, spec] as const))('%s %j', async (_, spec) => {
    const [found, here] = [await threeSteps(there, spec), await threeSteps('cpu', spec)];
    expect(found.values).toHaveLength(here.values.length);
    for (const [i, value] of found.values.entries()) expect(value).toBeCloseTo(here.values[i] as number, 5);
    expect(found.waits).toEqual([]);
  });

  it('all of the package are among them', () => {
    expect(new Set(specs.map((spec) => checkOptimizer(spec).name))).toEqual(new Set(Object.keys(optimizers)));
  });
});
