/** Every libtorch operator of lib/tensor/ops.ts on a device gives what plain JavaScript computes. */
import { expect, it, vi } from 'vitest';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { device, takeLog, waitsOfStreams } from '../device/device.ts';
import { expectClose, operatorCases } from './operator-cases.ts';

/** Where the cases' tensors are made, which name no device. */
const target = vi.hoisted((): { device?: string } => ({}));

const onTarget = vi.hoisted(() => (actual: Readonly<Record<string, unknown>>, makers: readonly string[]) => {
  const wrapped = (name: string) => {
    const make = actual[name] as (...args: unknown[]) => unknown;
    return (...args: unknown[]) => {
      if (target.device === undefined) return make(...args);
      const last = args.at(-1);
      const options = typeof last === 'object' && !Array.isArray(last) ? args.pop() : {};
      return make(...args, { ...target, ...(options as object) });
    };
  };
  return { ...actual, ...Object.fromEntries(makers.map((name) => [name, wrapped(name)])) };
});
vi.mock('../../lib/tensor/tensor.ts', async (importActual) => onTarget(await importActual(), ['tensor']));
vi.mock('../../lib/tensor/ops.ts', async (importActual) =>
  onTarget(await importActual(), ['full', 'zeros', 'ones', 'arange', 'linspace', 'eye', 'empty']),
);

function made(run: () => Tensor | Tensor[]): Tensor[] {
  target.device = device;
  try {
    return [run()].flat();
  } finally {
    delete target.device;
  }
}

describeOnDevice(() => {
  // A Generator is of the CPU, and so are the numbers that it draws.
  const cases = Object.entries(operatorCases).filter(([name]) => name !== 'normal_' && name !== 'uniform_');
  it.each(cases)('%s', async (_, { run, want, dtypes = ['float32'], tolerance = 1e-5, dataDependent = false }) => {
    takeLog();
    const results = made(run);
    await Promise.all(results.map((result) => result.ready()));
    const log = takeLog();
    expect(log?.races ?? []).toEqual([]);
    if (!dataDependent) expect(waitsOfStreams(log)).toEqual([]);
    expect(results.map((result) => [result.device, result.dtype])).toEqual(want.map((_, i) => [device, dtypes[i]]));
    for (const [i, result] of results.entries())
      expectClose((await result.data()) as ArrayLike<number>, want[i] as never, tolerance);
  });
});
