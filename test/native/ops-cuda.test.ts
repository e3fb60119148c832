/** Every operation of our own table on a device, against the CPU. */
import { expect, it, vi } from 'vitest';
import { manualSeed } from '../../lib/tensor/random.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { device, takeLog } from '../device/device.ts';
import { calls } from './op-calls.ts';

/** Where operations find their tensors, which the calls make on the CPU; each is moved there once. */
const target = vi.hoisted((): { device?: string; readonly moved: Map<object, unknown> } => ({ moved: new Map() }));

const onTarget = vi.hoisted(() => (actual: Readonly<Record<string, unknown>>) => {
  const moved = (value: unknown): unknown => {
    const to = target.device;
    if (to === undefined || value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(moved);
    if (value.constructor.name === 'Tensor') {
      const tensor = value as Tensor;
      if (tensor.device === to || (tensor.shape.length === 0 && tensor.dtype === 'float64')) return tensor; // rates stay
      if (target.moved.has(tensor)) return target.moved.get(tensor);
      const copy = tensor.to({ device: to });
      const there = tensor.requiresGrad && tensor.isLeaf ? Object.assign(copy.detach(), { requiresGrad: true }) : copy;
      target.moved.set(tensor, there).set(there, there);
      return there;
    }
    if (ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, moved(each)]));
  };
  const wrap =
    (fn: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) =>
      fn(...args.map(moved));
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [
      name,
      typeof value === 'function' ? wrap(value as (...args: unknown[]) => unknown) : value,
    ]),
  );
});
vi.mock('../../lib/tensor/ops.ts', async (importActual) => onTarget(await importActual()));
vi.mock('../../lib/tensor/internal-ops.ts', async (importActual) => onTarget(await importActual()));

// gloo's collectives are of the CPU; a gradient is of what was computed before the call.
const notHere = /^(agree_|all_gather|all_reduce_|broadcast_|reduce.*|whole_batch|grad)$/;

async function valuesOf(run: () => Tensor | Tensor[], on?: string) {
  if (on === undefined) delete target.device;
  else target.device = on;
  target.moved.clear();
  manualSeed(5);
  const made = [run()].flat();
  delete target.device;
  return Promise.all(
    made.map(async (result) => {
      await result.ready();
      const { device, dtype } = result;
      return { device, dtype, values: Array.from(await result.data(), Number) };
    }),
  );
}

describeOnDevice(() => {
  const own = Object.entries(calls).filter(([name]) => !notHere.test(name));
  it.each(own)('%s gives what it gives on the CPU', async (name, run) => {
    const here = await valuesOf(run);
    takeLog();
    const there = await valuesOf(run, device);
    expect(takeLog()?.races ?? []).toEqual([]);
    for (const [i, { dtype, values }] of there.entries()) {
      const expected = here[i]?.values as number[];
      expect(values).toHaveLength(expected.length);
      const tolerance = dtype === 'bfloat16' ? 2 ** -7 : 1e-4;
      const unequal = values.filter(
        (x, j) => !(Math.abs(x - (expected[j] as number)) <= tolerance * Math.max(1, Math.abs(x))),
      );
      expect(unequal, name).toEqual([]);
    }
    if (!/^rand/.test(name)) expect(there.some((result) => result.device === device)).toBe(true);
  });
});
