/** What the others do while a process is at a task of its own: they wait for as long as it goes on, and no longer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { Case } from './own-work.ts';
import { resultsOf, runProcesses } from './processes.ts';
import type { Trained } from './tiny-training.ts';

const messagesOf = (given: Partial<Case>, start: { worldSize?: number; hanging?: number } = {}) =>
  runProcesses('own-work.ts', { timeout: 60, ...given }, { ...start, seconds: 45 }).then((ended) =>
    ended.map(({ stdout }) => (stdout === '' ? undefined : (JSON.parse(stdout) as string))),
  );

describe('a task of one process', () => {
  test('may take longer than the timeout: a monitor of a training', async () => {
    const trainings = [{ pause: 8, epochs: 1 }];
    const [first, second] = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 6 });
    expect([first?.[0].error, second?.[0].error]).toEqual([undefined, undefined]);
  });

  test('may take longer than the timeout: a disk that is slow, at the start, for a checkpoint and for the best one', async () => {
    const out = await mkdtemp(join(tmpdir(), 'contrastive-slow-disk-'));
    try {
      const fit = { out: join(out, 'run'), best: 'accuracy' };
      const trainings = [{ slowDisk: 6, epochs: 1, isWatched: true, fit }];
      const [first, second] = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 5 });
      expect([first?.[0].error, second?.[0].error]).toEqual([undefined, undefined]);
      expect(await (await RunFolder.open(fit.out)).best()).toMatchObject({ figure: 'accuracy' });
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  });

  test('may take longer than the timeout, while the others wait in a collective', async () => {
    expect(await messagesOf({ does: 'work', seconds: 8, timeout: 6 })).toEqual(['none', 'none']);
  });

  test('in which rank 0 is killed', async () => {
    const [first, second] = await messagesOf({ does: 'exchange', seconds: 1, ends: 'kill' });
    expect(first).toBeUndefined();
    expect(second).toMatch(/^rank 0, or who launched the processes, is gone/);
  });

  test('in which the event loop stands still', async () => {
    const [, second] = await messagesOf({ does: 'exchange', seconds: 1, ends: 'loop', timeout: 6 });
    expect(second).toMatch(/^rank 0 .* is in .*, rank 1 .* in a wait for .*no answer within 6 s\)$/);
  });

  test('is not one while it waits for a process that hangs', async () => {
    const given = { does: 'meeting', seconds: 1, ends: 'stop', timeout: 6 } as const;
    const [first] = await messagesOf(given, { hanging: 1 });
    expect(first).toMatch(/^rank 1 \(.*, process \d+\) does not answer \(no answer within 6 s\)$/);
  });

  test('is no reason to be blamed for another process that is killed', async () => {
    const ended = await messagesOf({ does: 'work', seconds: 2, ends: 'loop', killed: 1 }, { worldSize: 3 });
    expect(ended[0]).toMatch(/^rank 1 \([^,]*, process \d+\) does not answer \([^)]*\)$/);
    expect(ended[2]).toBeDefined();
  });
});
