import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ops, type Tensor, tensor } from '../../lib/index.ts';
import { importScript } from '../scripts/scripts.ts';
import { suites } from './convolution/suites.ts';

const child = fileURLToPath(new URL('convolution/child.ts', import.meta.url));
const { levels } = await importScript<{ levels: Record<string, Record<string, string>> }>('levels.mjs');
/** A level's variables in place of those that these tests run under. */
const variablesOf = (level: string): NodeJS.ProcessEnv => {
  const others = Object.keys(levels.avx2 ?? {}).map((name) => [name, undefined]);
  return { ...process.env, ...Object.fromEntries(others), ...levels[level] };
};
const minutes = 60_000;

/** A part of the sweep in a process of its own, which may die or hang; what went wrong. */
function sweep(level: string, options: { suite: string; threads: number; step: number }): string {
  const { suite, threads } = options;
  const { count, describe: describeRun } = suites[suite] as (typeof suites)[string];
  const argument = JSON.stringify({ ...options, from: 0, to: count });
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['--import', 'tsx', child, argument], {
    encoding: 'utf8',
    env: { ...variablesOf(level), OMP_NUM_THREADS: String(threads) },
    maxBuffer: 1 << 26,
    timeout: 4 * minutes,
    killSignal: 'SIGKILL',
  });
  const wrong = stdout.split('\n').filter((line) => /^\d+ (?!ok$)/.test(line));
  const last = Number(stdout.trim().split('\n').at(-1)?.split(' ')[0]);
  if (status !== 0) wrong.push(`ended by ${signal ?? status} at ${JSON.stringify(describeRun(last))} ${stderr}`);
  return wrong.join('\n');
}

describe('convolutions agree with plain loops, and nothing dies or hangs', () => {
  for (const level of Object.keys(levels))
    for (const threads of [1, 2]) {
      for (const [suite, step] of [
        ['convolutions', 83],
        ['encoders', 37],
      ] as const)
        it(`${suite}, ${level}, ${threads} thread(s)`, { timeout: 5 * minutes }, () => {
          expect(sweep(level, { suite, threads, step })).toBe('');
        });
    }
});

describe('a 1 x 1 convolution with a stride', () => {
  const values = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 5);
  const numbers = async (x: Tensor | null): Promise<number[]> => Array.from((await x?.data()) as Float64Array);

  it('has strides of its own for both sides, a bias and groups, and all gradients', async () => {
    // (1, 4, 3, 5) with stride (2, 3): rows 0 and 2, columns 0 and 3. Two groups of 2 channels, 2 outputs each.
    const x = tensor(values(60), { dtype: 'float64' }).reshape([1, 4, 3, 5]);
    const weight = tensor(values(8), { dtype: 'float64' }).reshape([4, 2, 1, 1]);
    const bias = tensor([1, 2, 3, 4], { dtype: 'float64' });
    for (const each of [x, weight, bias]) each.requiresGrad = true;
    const y = ops.conv2d(x, weight, { bias, stride: [2, 3], padding: 0, dilation: 1, groups: 2 });
    expect(y.shape).toEqual([1, 4, 2, 2]);
    const gradient = values(16);
    y.backward(tensor(gradient, { dtype: 'float64' }).reshape([1, 4, 2, 2]));

    const [input, w] = [values(60), values(8)];
    const output: number[] = [];
    const [toInput, toWeight, toBias] = [new Array(60).fill(0), new Array(8).fill(0), new Array(4).fill(0)];
    for (let o = 0; o < 4; o++)
      for (let row = 0; row < 2; row++)
        for (let column = 0; column < 2; column++) {
          let sum = o + 1;
          const g = gradient[(o * 2 + row) * 2 + column] as number;
          for (let i = 0; i < 2; i++) {
            const from = ((Math.floor(o / 2) * 2 + i) * 3 + row * 2) * 5 + column * 3;
            sum += (w[o * 2 + i] as number) * (input[from] as number);
            toInput[from] += (w[o * 2 + i] as number) * g;
            toWeight[o * 2 + i] += (input[from] as number) * g;
          }
          toBias[o] += g;
          output.push(sum);
        }
    expect(await numbers(y)).toEqual(output);
    expect(await numbers(x.grad)).toEqual(toInput);
    expect(await numbers(weight.grad)).toEqual(toWeight);
    expect(await numbers(bias.grad)).toEqual(toBias);
  });

  it('is the same of channels last and of planes, of a part of a tensor, and of nothing', async () => {
    const last = tensor(Float32Array.from(values(2 * 8 * 8 * 3)))
      .reshape([2, 8, 8, 3])
      .permute([0, 3, 1, 2])
      .detach();
    const weight = tensor(Float32Array.from(values(12))).reshape([4, 3, 1, 1]);
    weight.requiresGrad = true;
    const y = ops.conv2d(last, weight, { stride: 2 });
    y.sum().backward();
    expect(last.grad).toBeNull(); // no gradient where none is asked for
    const ofLast = await numbers(weight.grad);
    const results = [await numbers(y)];
    const gradients = [ofLast];
    const wider = ops.cat([last.contiguous(), ops.zeros([2, 3, 8, 4])], 3);
    for (const input of [last.contiguous(), wider.narrow(3, 0, 8)]) {
      weight.zeroGrad();
      const same = ops.conv2d(input, weight, { stride: 2 });
      same.sum().backward();
      results.push(await numbers(same));
      gradients.push(await numbers(weight.grad));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(gradients[1]).toEqual(gradients[0]);
    expect(gradients[2]).toEqual(gradients[0]);
    weight.zeroGrad();
    const none = ops.conv2d(ops.zeros([0, 3, 8, 8]), weight, { stride: 2 });
    none.sum().backward();
    expect(none.shape).toEqual([0, 4, 4, 4]);
    expect(await numbers(weight.grad)).toEqual(new Array(12).fill(0));
  });
});
