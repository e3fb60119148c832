/** What an update costs on a device: launches, and memory. */
import { expect, it } from 'vitest';
import { LARS, type LARSOptions } from '../../lib/optim/lars.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { launchesIn, takeLog, device as there, waitsOfStreams } from '../device/device.ts';
import { farthest } from '../train/one-step.ts';

const mebibyte = 2 ** 20;

describeOnDevice(() => {
  /** Two guarded updates of parameters of several layouts, the second of which is measured. */
  async function updated(device: string, count: number, options: Partial<LARSOptions> = {}) {
    const parameters = Array.from({ length: count }, (_, i) => {
      const shape = [[6, 3, 5, 5], [300], [1], [16, 8]][i % 4] as number[];
      const size = shape.reduce((all, side) => all * side, 1);
      const values = Float32Array.from({ length: size }, (_, k) => Math.sin(i + k));
      const parameter = tensor(values, { device }).reshape(shape).clone();
      const laidOut = i % 4 === 0 ? parameter.contiguous({ memoryFormat: 'channels_last' }) : parameter;
      laidOut.requiresGrad = true;
      return laidOut;
    });
    using optimizer = new LARS(parameters, { lr: 0.1, momentum: 0.9, weightDecay: 0.01, ...options });
    const status = tensor(0n, { device });
    for (let step = 0; step < 2; step++) {
      optimizer.zeroGrad();
      for (const parameter of parameters) parameter.mul(parameter).sum().backward();
      await sync();
      takeLog();
      optimizer.stepIfFinite(optimizer.ratesAt(0.1, 0), status).dispose();
      await sync();
    }
    const log = takeLog();
    const values = await Promise.all(parameters.map(async (each) => Array.from((await each.data()) as Float32Array)));
    return { log, launches: launchesIn(log), values: values.flat() };
  }

  it.each<Partial<LARSOptions>>([
    {},
    { form: 'moco-v3', nesterov: true },
    { form: 'lightly', excludeBiasAndNorm: false },
    { momentum: 0 },
  ])('LARS %o: the weights of the CPU, in launches that do not grow with the parameters', async (options) => {
    const [here, few, many] = [
      await updated('cpu', 8, options),
      await updated(there, 8, options),
      await updated(there, 64, options),
    ];
    expect(farthest([few.values], [here.values])).toBeLessThan(1e-6);
    expect(many.launches).toBe(few.launches);
    expect(waitsOfStreams(many.log)).toEqual([]);
    expect(many.log?.races ?? []).toEqual([]);
  });

  const large = (): Tensor => ops.ones([mebibyte / 4], { device: there });

  it.each([0, 0.25, 0.996, 1])(
    'an average that keeps %d of itself is that of the CPU, and m is not waited for',
    async (m) => {
      const follow = (device: string, at: string): Tensor => {
        const average = tensor(Float32Array.of(1, -2, 3), { device });
        const momentum = tensor(m, { dtype: 'float64', device: at });
        internal.movingAverage_(
          [average],
          [tensor(Float32Array.of(5, 0.1, -3), { device })],
          momentum,
          tensor(0n, { device }),
        );
        return average;
      };
      const here = Array.from(await follow('cpu', 'cpu').data(), Number);
      await sync();
      takeLog();
      const made = [follow(there, 'cpu'), follow(there, there)];
      await sync();
      expect(waitsOfStreams(takeLog())).toEqual([]);
      for (const each of made) expect(farthest([Array.from(await each.data(), Number)], [here])).toBeLessThan(1e-6);
    },
  );

  it('an average that follows takes the memory of a few tensors beside them', async () => {
    const [averages, values] = [Array.from({ length: 48 }, large), Array.from({ length: 48 }, large)];
    const status = tensor(0n, { device: there });
    await sync();
    const before = takeLog()?.bytes ?? 0;
    internal.movingAverage_(averages, values, tensor(0.5, { dtype: 'float64' }), status).dispose();
    await sync();
    expect((takeLog()?.peakBytes ?? 0) - before).toBeLessThanOrEqual(20 * mebibyte);
  });

  it('LARS copies neither weights nor momenta', async () => {
    const parameters = Array.from({ length: 16 }, large);
    for (const parameter of parameters) parameter.requiresGrad = true;
    using optimizer = new LARS(parameters, { lr: 0.1, momentum: 0.9 });
    for (const parameter of parameters) parameter.sum().backward();
    const status = tensor(0n, { device: there });
    await sync();
    const before = takeLog()?.bytes ?? 0;
    optimizer.stepIfFinite(optimizer.ratesAt(0.1, 0), status).dispose();
    await sync();
    // The updates, and the block of memory in which they are multiplied.
    expect((takeLog()?.peakBytes ?? 0) - before).toBeLessThanOrEqual(33 * mebibyte);
  });
});
