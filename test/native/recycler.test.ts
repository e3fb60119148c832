/** Memory of large CPU tensors goes round, and goes back to the system when nobody wants it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as ops from '../../lib/tensor/ops.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const megabyte = 2 ** 20;

/** A tensor of so many MiB, filled with `value`. */
async function filled(megabytes: number, value: number) {
  const result = ops.full([megabytes, megabyte / 4], value, { dtype: 'float32' });
  await sync();
  return result;
}

/** The different values of a tensor. */
const valuesOf = async (tensor: Tensor): Promise<number[]> => [...new Set((await tensor.data()) as Float32Array)];

/** Waits for memory().recyclable: disposed tensors are freed by the thread that computed them. */
async function recyclable(bytes: number): Promise<void> {
  await expect.poll(() => memory().recyclable, { timeout: 2000, interval: 5 }).toBe(bytes);
}

// From nothing, so that the figures below are the tests' own.
const emptied = () => expect.poll(() => memory().recyclable, { timeout: 20_000, interval: 100 }).toBe(0);

// AddressSanitizer must see every free, so that a build with it has none of this.
const recycles = process.platform === 'linux' && !process.env.LD_PRELOAD?.includes('libasan');

describe.runIf(recycles)('memory of large tensors', () => {
  // On a machine that stands still for seconds, the memory may be given back meanwhile.
  it('is kept when a tensor is disposed, cut for smaller ones, and joined again', { retry: 2 }, async () => {
    await emptied();
    (await filled(12, 1)).dispose();
    await recyclable(12 * megabyte);
    const [three, four, five] = [await filled(3, 3), await filled(4, 4), await filled(5, 5)];
    expect(memory().recyclable).toBe(0);
    three.dispose();
    five.dispose();
    await recyclable(8 * megabyte);
    const six = await filled(6, 6); // both ranges are too small; new memory goes before the first, which it takes in
    expect(memory().recyclable).toBe(4 * megabyte);
    const two = await filled(2, 2); // of the other
    expect(memory().recyclable).toBe(2 * megabyte);
    for (const one of [four, two]) one.dispose();
    await recyclable(8 * megabyte);
    const seven = await filled(7, 8);
    expect(memory().recyclable).toBe(megabyte);
    expect(await Promise.all([six, seven].map(valuesOf))).toEqual([[6], [8]]); // which takes memory, too
    for (const one of [six, seven]) one.dispose();
  });

  // Where something else has been mapped before it meanwhile, new memory lies elsewhere.
  it('is used up where whole huge pages were more than a tensor takes', { retry: 2 }, async () => {
    await emptied();
    const three = await filled(3, 1);
    expect(memory().recyclable).toBe(megabyte);
    const other = await filled(3, 2); // 2 MiB more, and the one that was left
    expect(memory().recyclable).toBe(0);
    for (const one of [three, other]) one.dispose();
    await recyclable(6 * megabyte);
    const six = await filled(6, 3);
    expect(memory().recyclable).toBe(0);
    six.dispose();
  });

  it('is not given back for a part of it that nobody takes', { retry: 2, timeout: 30_000 }, async () => {
    await emptied();
    (await filled(12, 1)).dispose();
    await recyclable(12 * megabyte);
    for (let i = 0; i < 7; i++) {
      await sleep(1000);
      const eleven = await filled(11, i);
      expect(memory().recyclable).toBe(megabyte);
      eleven.dispose();
      await recyclable(12 * megabyte);
    }
  });

  it('is never shared by two tensors that are alive', async () => {
    const tensors = [];
    for (let i = 0; i < 12; i++) {
      tensors.push(await filled(1 + (i % 4), i));
      if (i % 3 === 2) tensors.splice(tensors.length - 2, 1)[0]?.dispose();
    }
    const values = [];
    for (const one of tensors) values.push(await valuesOf(one));
    expect(values).toEqual([[0], [2], [3], [5], [6], [8], [9], [11]]);
    for (const one of tensors) one.dispose();
  });

  it('goes back to the system when nobody has taken it for some seconds', async () => {
    const large = await filled(256, 1);
    const resident = process.memoryUsage.rss();
    large.dispose();
    await emptied();
    expect(process.memoryUsage.rss()).toBeLessThan(resident - 200 * megabyte);
  });

  it('leaves small tensors to malloc', async () => {
    await emptied();
    const small = ops.full([1000], 1);
    await sync();
    small.dispose();
    await sleep(50);
    expect(memory().recyclable).toBe(0);
  });
});
