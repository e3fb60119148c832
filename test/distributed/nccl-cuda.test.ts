/**
 * Tensors of a device that travel from there: by NCCL on a GPU, between as many processes as there are GPUs to a test (one); of two
 * processes on the simulated device, by what stands in for NCCL.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { barrier, destroyProcessGroup, groupTraffic, initProcessGroup } from '../../lib/distributed/group.ts';
import { cudaLibrary } from '../../lib/native/addon.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type DType, tensor } from '../../lib/tensor/tensor.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { describeOnSimulatedDevice } from '../device/describe-on-device.ts';
import { type DeviceLog, device, hasGpu, waitsOfStreams } from '../device/device.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';
import { expectClose } from './close.ts';
import { batchNorm, contrastiveGradients, joined, type Numbers, normCases, numberOf, numbersOf } from './formulas.ts';
import { resultsOf, runProcesses } from './processes.ts';

const { refused } = cudaLibrary();
const canUse = hasGpu && refused === undefined;

/** Of each step of a training there. */
async function lossesOf(): Promise<number[]> {
  const trainer = new Trainer({
    ...tinyModels(),
    ...{ augment: tinyViews(), batchSize: 16, epochs: 2, device },
    optimizer: { name: 'sgd', lr: 0.001, momentum: 0.9 },
  });
  const losses: number[] = [];
  await trainer.fit(tinyDataset(48), { onEvent: (event) => void (event.kind === 'step' && losses.push(event.loss)) });
  return losses;
}

describe.runIf(canUse)(`NCCL, one process${canUse ? '' : ` (skipped: ${hasGpu ? refused : 'no GPU'})`}`, () => {
  let folder: string;
  let groups = 0;
  const join1 = (): Promise<void> =>
    initProcessGroup({ backend: 'nccl', rank: 0, worldSize: 1, file: join(folder, String(groups++)), timeout: 60 });
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'contrastive-nccl-'));
    await join1();
  });
  afterAll(async () => {
    await destroyProcessGroup();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8'] as const)(
    'sums, rows and broadcasts of %s',
    async (dtype: DType) => {
      const numbers = [1, 2, 3, 4, 5, 6];
      const own = () => tensor(numbers).reshape([3, 2]).to(dtype).to(device);
      expect(await numbersOf(ops.allReduce_(own()))).toEqual(numbers);
      expect(await numbersOf(ops.allReduce_(own(), { op: 'max' }))).toEqual(numbers);
      expect(await numbersOf(ops.broadcast_(own()))).toEqual(numbers);
      expect(await numbersOf(ops.allGather(own()))).toEqual(numbers);
      expect(await numbersOf(ops.reduceScatter(own()))).toEqual(numbers);
      expect(await numbersOf(ops.allGather(own().transpose(0, 1)))).toEqual([1, 3, 5, 2, 4, 6]);
    },
  );

  it.each(['reduced', 'reduce'] as const)('gradients in buckets (%s)', async (backward) => {
    const expected = await contrastiveGradients([0, 6], false, 'plain');
    expectClose(await contrastiveGradients([0, 6], true, backward, device), expected, 1e-10);
  });

  it('a training is that of one process', async () => {
    const shared = await lossesOf();
    expect(shared.length).toBe(6);
    await destroyProcessGroup();
    const alone = await lossesOf();
    await join1();
    for (const [i, loss] of alone.entries()) expect(Math.abs((shared[i] as number) / loss - 1)).toBeLessThan(1e-2);
  }, 60_000);

  it('carries tensors of the CPU too, counts what it carries, and can be left and joined again', async () => {
    expect(await numbersOf(noGrad(() => ops.allReduce_(tensor([1, 2]))))).toEqual([1, 2]);
    await barrier();
    expect(groupTraffic().collectives).toBeGreaterThan(0);
    await destroyProcessGroup();
    await join1();
    expect(await numbersOf(ops.allReduce_(tensor([3], { device })))).toEqual([3]);
  });
});

describeOnSimulatedDevice(() => {
  type NormResult = Readonly<Record<string, number[]>>;
  interface Results {
    readonly ofDtypes: Readonly<Record<string, Readonly<Record<'sum' | 'gathered' | 'ofRank1', number[]>>>>;
    readonly gatheredGradient: number[];
    readonly scattered: number[];
    readonly reduced: Numbers;
    readonly reduce: Numbers;
    readonly norms: readonly NormResult[];
    readonly copies: Readonly<Record<string, number>>;
    readonly forward: DeviceLog;
    readonly agreement: DeviceLog;
    readonly backward: DeviceLog;
    readonly heard: DeviceLog;
    readonly again: DeviceLog;
  }
  let results: Results[];
  beforeAll(async () => {
    results = await resultsOf('device-operations.ts', {});
  });

  const own = (rank: number): number[] => Array.from({ length: 12 }, (_, i) => numberOf(rank, i) * 2 + 5);
  const sum = own(0).map((value, i) => value + (own(1)[i] as number));

  it('sums, rows of all and those of one, of every dtype, and the gradient of gathered rows', () => {
    for (const { ofDtypes } of results) {
      expect(Object.keys(ofDtypes).length).toBe(7);
      for (const [dtype, { sum: total, gathered, ofRank1 }] of Object.entries(ofDtypes)) {
        expect(total, dtype).toEqual(sum);
        expect(gathered, dtype).toEqual([...own(0), ...own(1)]);
        expect(ofRank1, dtype).toEqual(own(1));
      }
    }
    expect(results.map(({ scattered }) => scattered)).toEqual([sum.slice(0, 6), sum.slice(6)]);
    expect(results.map(({ gatheredGradient }) => gatheredGradient)).toEqual([
      [3, 30],
      [300, 3000],
    ]);
  });

  it.each(['reduced', 'reduce'] as const)('gradients in buckets (%s)', async (name) => {
    const expected = await contrastiveGradients([0, 6], false, 'plain');
    for (const result of results) expectClose(result[name], expected, 1e-10);
  });

  it('hear of one that hangs, and what waits for it on the device is aborted', async () => {
    const [first] = await runProcesses('device-fault.ts', {}, { hanging: 1 });
    expect(first).toMatchObject({ status: 0, stderr: '' });
    const { code, message, aborts } = JSON.parse(first?.stdout ?? '') as Record<'code' | 'message' | 'aborts', unknown>;
    expect({ code, aborts }).toEqual({ code: 'ERR_DISTRIBUTED', aborts: 2 });
    expect(message).toMatch(/^rank 1 \(.*, process \d+\) does not answer \(no answer within 3 s\)$/);
  }, 60_000);

  it('hear which of them differ; and all use gloo where one has no device', async () => {
    const [first, second] = await resultsOf<unknown[]>('device-differences.ts', {});
    const different = expect.stringMatching(
      /^(rank 1 .* stopped: )?rank 0 .* is in allReduce_ \(sum\) by NCCL of Float \[3\], its collective 1, rank 1 .* in allReduce_ \(sum\) of Float \[3\], its/,
    );
    const fault = 'the device of this process: a simulated fault';
    expect(first).toEqual([different, fault, [2, 4, 6]]);
    expect(second).toEqual([different, expect.stringMatching(`^rank 0 .* stopped: ${fault}`), [2, 4, 6]]);
  }, 60_000);

  it('over no memory of the host', () => {
    for (const { copies } of results) expect(copies).not.toHaveProperty('to host');
  });

  it.each(normCases.map((norm, place) => [JSON.stringify(norm), norm, place] as const))(
    'batch normalisation over all ranks: %s',
    async (_, norm, place) => {
      const [first, second] = results.map(({ norms }) => norms[place]) as [NormResult, NormResult];
      for (const name of ['runningMean', 'runningVar']) expect(second[name], name).toEqual(first[name]);
      expectClose(joined(first, second), await batchNorm([0, 9], false, norm), norm.dtype === 'float64' ? 1e-10 : 1e-5);
    },
  );

  it('batch normalisation waits for nothing; the agreement of a step does, for all of it', () => {
    for (const { forward, agreement, backward, heard, again } of results) {
      for (const log of [forward, backward]) {
        expect(waitsOfStreams(log)).toEqual([]);
        expect(log.copies).not.toHaveProperty('to host');
      }
      for (const log of [agreement, heard]) expect(waitsOfStreams(log)).toContain('contrastive: a collective');
      expect(waitsOfStreams(again)).toEqual([]);
    }
  });
});
