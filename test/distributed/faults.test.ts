/** What the others hear of a process that is killed, hangs, fails, stops or was started otherwise. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { isOneOfSeveral, speaksForAll } from '../../lib/distributed/environment.ts';
import { freePort, resultsOf, runProcesses } from './processes.ts';
import type { Trained, Training } from './tiny-training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-faults-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A training in which a rank is another one than the other. */
const but = (rank: number, training: Training): Training => ({ ofRanks: rank === 0 ? [training] : [{}, training] });

const ofFailed = (message: RegExp) => ({ code: 'ERR_DISTRIBUTED', message: expect.stringMatching(message) });
const outcomeOf = (stdout: string): Trained => (JSON.parse(stdout) as [Trained])[0];

describe('a process that is gone in a training', () => {
  test.concurrent.each([
    ['is killed', 1, 'kill', /^rank 1 \(.*, process \d+\) does not answer \((Read error|Connection).*\)$/],
    ['is killed', 0, 'kill', /^rank 0, or who launched the processes, is gone: nobody answers at 127\.0\.0\.1:\d+$/],
    ['hangs', 1, 'stop', /^rank 1 \(.*, process \d+\) does not answer/],
    ['hangs', 0, 'stop', /^rank 0, or who launched the processes, is gone: nobody answers at 127\.0\.0\.1:\d+$/],
    ['calls process.exit()', 1, 'exit', /^rank 1 \(.*, process \d+\) does not answer/],
  ] as const)('%s: rank %d', async (_, rank, does, message) => {
    const trainings = [but(rank, { fault: { step: 2, does } })];
    const start = { seconds: 45, ...(does === 'stop' && { hanging: rank }) };
    const ended = await runProcesses('training.ts', { trainings, timeout: 6 }, start);
    const other = ended[1 - rank];
    expect(outcomeOf(other?.stdout ?? '').error).toEqual(ofFailed(message));
    expect(ended[rank]).toMatchObject(does === 'exit' ? { status: 3 } : { signal: 'SIGKILL' });
  });
});

describe('a process that fails', () => {
  test.each([
    [1, { damaged: 5, schedule: { name: 'constant' } }, 'ERR_DATA', /sample 5.*: the disk is scratched/],
    [0, { fault: { step: 2, does: 'throw' } }, 'none', /the listener is out of ink/],
  ] as const)('says why to the others: rank %d', async (rank, training, code, message) => {
    const shared: Training = { schedule: { name: 'constant' } };
    const trainings = [{ ...shared, ...but(rank, training) }];
    const results = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 20 });
    const [own, other] = [results[rank], results[1 - rank]].map((all) => all?.[0].error);
    expect(own).toEqual({ code, message: expect.stringMatching(message) });
    expect(other).toEqual(ofFailed(new RegExp(`^rank ${rank} \\(.*\\) stopped: .*${message.source}`)));
  });
});

test('where one wants to stop, or makes NaN, all stop at the same step', async () => {
  const out = join(folder, 'aborted');
  const abort: Training = { fit: { out }, ...but(1, { fit: { out }, fault: { step: 2, does: 'abort' } }) };
  const cached: Training = { microBatch: 8, ...but(0, { fault: { step: 2, does: 'abort' } }) };
  const steady: Training = { nanAt: -1, accumulate: 2, count: 64, schedule: { name: 'constant' } };
  const before: Training = { ...steady, epochs: 1 };
  const nan: Training = { ...steady, ...but(1, { nanAt: 5 }) };
  const results = await resultsOf<Trained[]>('training.ts', { trainings: [abort, cached, before, nan] });
  const stepsOf = ({ events }: Trained) => events.filter(({ kind }) => kind === 'step').length;
  const at = (place: number) => results.map((all) => all[place] as Trained) as [Trained, Trained];
  for (const [first, second] of [at(0), at(1)]) {
    expect([first.error?.code, second.error?.code]).toEqual(['ERR_ABORTED', 'ERR_ABORTED']);
    expect(stepsOf(second)).toBe(stepsOf(first));
    expect(second.digest).toBe(first.digest);
  }
  // With the step that was under way.
  expect((await (await RunFolder.open(out)).steps()).at(-1)).toBe(stepsOf(at(0)[0]) + 1);
  const [first, second] = at(3);
  expect(first.error).toEqual({ code: 'ERR_NON_FINITE', message: expect.stringMatching(/at step 3 /) });
  expect(second.error).toEqual(first.error);
  const [beforeIt] = at(2); // of two steps
  expect(beforeIt.error).toBeUndefined();
  expect([first.digest, second.digest]).toEqual([beforeIt.digest, beforeIt.digest]);
});

describe.each(['a port', 'a file'])('processes that call different collectives, and meet again at %s', (place) => {
  test('hear what each of them is in', async () => {
    const options = place === 'a file' ? { file: join(folder, 'meeting') } : {};
    const [first, second] = await resultsOf<string[]>('different-calls.ts', options);
    const calls = [
      ['allReduce_ (sum) of Float [3]', 'allReduce_ (sum) of Float [1]'],
      ['allGather of Float [2]', 'broadcast_ (from rank 0) of Float [2]'],
      ['wholeBatch of Float [5, 2]', 'wholeBatch of Float [3, 2]'],
    ].map((pair) => pair.map((call) => call.replace(/[()[\]]/g, '\\$&')));
    const expected = calls.map(([of0, of1]) =>
      expect.stringMatching(
        `rank 0 .* is in ${of0}, its collective 1, rank 1 .* in ${of1}, its collective 1: all processes must`,
      ),
    );
    expect(first).toEqual([...expected, '2']);
    expect(second).toEqual([...expected, '2']);
  });
});

test('a worker that ends takes its group with it, and one that joins in unasked is refused', async () => {
  expect(await resultsOf('in-worker.ts', null, { worldSize: 1 })).toEqual([[1, 1, 'ERR_STATE']]);
});

describe('processes that were started wrongly', () => {
  const started = (variables: (rank: number) => Record<string, string>, options = {}) =>
    resultsOf<{ code: string; message: string } | null>('joining.ts', { timeout: 4, ...options }, { variables });

  test.concurrent('nobody listens', async () => {
    const port = String(await freePort());
    const [first, second] = await started((rank) => (rank === 0 ? {} : { MASTER_PORT: port }));
    expect(first).toEqual(ofFailed(/^rank 0 of 2: rank 1 did not come within 4 s$/));
    expect(second).toEqual(ofFailed(new RegExp(`^rank 1 of 2: nobody answers at 127.0.0.1:${port} after 4 s`)));
  });

  test.concurrent('an address of no machine', async () => {
    const [first, second] = await started((rank) => (rank === 0 ? {} : { MASTER_ADDR: 'no-such-host.invalid' }));
    expect(first).toEqual(ofFailed(/^rank 0 of 2: rank 1 did not come within 4 s$/));
    expect(second).toEqual(ofFailed(/^rank 1 of 2: nobody answers at no-such-host.invalid:\d+ after 4 s/));
  });

  test.concurrent('WORLD_SIZE without RANK', async () => {
    expect([isOneOfSeveral({ WORLD_SIZE: '2' }), isOneOfSeveral({ WORLD_SIZE: '1', RANK: '0' })]).toEqual([
      true,
      false,
    ]);
    expect([speaksForAll({ WORLD_SIZE: '2' }), speaksForAll({ WORLD_SIZE: '2', RANK: '1' })]).toEqual([true, false]);
    const refused = { code: 'ERR_OPTION', message: expect.stringMatching(/missing: RANK$/) };
    expect(await started(() => ({ RANK: '' }))).toEqual([refused, refused]);
  });

  test.concurrent('a network interface that one has not', async () => {
    const [first, second] = await started((rank) => (rank === 0 ? {} : { GLOO_SOCKET_IFNAME: 'none9' }), {
      timeout: 20,
    });
    expect(second).toEqual(
      ofFailed(/^rank 1, which listens at 127.0.0.1, cannot connect to the others \(GLOO_SOCKET_IFNAME/),
    );
    expect(first).toEqual(ofFailed(/^rank 1 \(.*\) stopped: rank 1, which listens at 127.0.0.1, cannot connect/));
  });

  test.concurrent('two of one rank', async () => {
    const variables = (rank: number) => ({ RANK: String(Math.min(rank, 1)) });
    const start = { worldSize: 3, variables };
    const results = await resultsOf<{ message: string }>('joining.ts', { timeout: 4 }, start);
    const messages = results.map(({ message }) => message);
    const twice =
      /^rank 1 of 3: rank 1.* is there already: RANK must differ in every process; if that one is of an earlier start/;
    expect(messages.filter((message) => twice.test(message)).length).toBe(1);
    expect(messages.filter((message) => /rank 2 did not come within 4 s$/.test(message)).length).toBe(2);
  });

  test.concurrent('numbers of processes that differ', async () => {
    const [first, second] = await started((rank) => ({ WORLD_SIZE: String(rank + 2) }));
    expect(first?.message).toMatch(/'of (2|3) ranks', here 'of (2|3) ranks'/);
    expect(second?.message).toMatch(/'of (2|3) ranks', here 'of (2|3) ranks'/);
  });

  test.concurrent('a file in no folder', async () => {
    const file = join(folder, 'missing', 'meeting');
    const refused = ofFailed(/^rank [01] of 2 cannot use the file .*meeting: it cannot be opened within 1 s$/);
    expect(await started(() => ({}), { file, timeout: 1 })).toEqual([refused, refused]);
  });

  test('options that differ', async () => {
    const trainings = [but(1, { epochs: 3 })];
    const results = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 20 });
    expect(results[1]?.[0].error).toEqual(
      ofFailed(/^rank 1 trains otherwise than rank 0: epochs is 3 here and 2 there$/),
    );
    expect(results[0]?.[0].error).toEqual(ofFailed(/^rank 1 \(.*\) stopped: rank 1 trains otherwise/));
  });
});
