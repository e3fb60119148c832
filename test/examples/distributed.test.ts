import { expect, it } from 'vitest';
import { runProcesses } from '../distributed/processes.ts';

it('a loop in two processes: the loss of both is one, and falls', async () => {
  const ended = await runProcesses('../../examples/distributed.ts', null);
  const losses = ended.map(({ status, stdout, stderr }, rank) => {
    expect(status, stderr).toBe(0);
    const lines = stdout.trim().split('\n');
    return lines.map((line) => Number(new RegExp(`^rank ${rank} of 2: loss (\\d+\\.\\d{4})$`).exec(line)?.[1]));
  });
  const [first, second] = losses as [number[], number[]];
  expect(first).toHaveLength(16); // two epochs of 512 images in batches of 64
  expect(second).toEqual(first);
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(first.slice(8))).toBeLessThan(mean(first.slice(0, 8)) - 0.05);
});
