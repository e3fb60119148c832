import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckpointContent } from '../../lib/checkpoint/checkpoint-files.ts';
import { openCheckpoint, RunFolder } from '../../lib/checkpoint/run.ts';
import type { RunConfig } from '../../lib/checkpoint/run-config.ts';
import type { RawTensor } from '../../lib/files/safetensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const config: RunConfig = {
  format: 1,
  encoder: { name: 'resnet18', stem: 'cifar', width: 16, inChannels: 1, zeroInitResidual: false },
  head: { layers: 2, dim: 128 },
  method: { name: 'supcon', temperature: 0.1 },
  augment: [{ op: 'randomHorizontalFlip', p: 0.5 }],
  input: { size: 28, channels: 1, mean: [0.286], std: [0.353] },
  optimizer: { name: 'sgd', lr: 0.05 },
  schedule: { name: 'cosine' },
  batchSize: 256,
  epochs: 5,
  seed: 1,
  precision: 'bfloat16',
  data: { name: 'fashion-mnist', path: null, limit: null },
};

const tensorOf = (...values: number[]): RawTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

const contentOf = (step: number): CheckpointContent => ({
  model: new Map([['encoder.conv1.weight', tensorOf(step, 2)]]),
  optimizer: new Map([['momentum.encoder.conv1.weight', tensorOf(step)]]),
  state: { step, epoch: 0, loss: 1.5 },
});

const checkpointError = (message: RegExp) => ({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });

async function runWith(...steps: number[]): Promise<RunFolder> {
  const run = await RunFolder.create(join(folder, 'run'), config);
  for (const step of steps) await run.saveCheckpoint(contentOf(step), { keep: 10 });
  return run;
}

describe('the best checkpoint', () => {
  const best = { step: 1, figure: 'knnTop1', value: 0.7 };

  it('stays beside the newest, and opens by its name', async () => {
    const run = await runWith(1);
    await run.setBest(best);
    for (const step of [2, 3, 4, 5]) await run.saveCheckpoint(contentOf(step));
    expect(await run.steps()).toEqual([1, 3, 4, 5]);
    expect(await run.best()).toEqual(best);
    expect((await openCheckpoint(join(run.path, 'checkpoints', 'best'))).checkpoint.state.step).toBe(1);
    expect((await openCheckpoint(run.path)).checkpoint.state.step).toBe(5);
    await run.setBest({ ...best, step: 4, value: 0.8 });
    expect(await run.steps()).toEqual([3, 4, 5]);
  });

  it('is missing where none was named or it is gone, and an error where its file is damaged', async () => {
    const run = await runWith(1, 2);
    expect(await run.best()).toBeUndefined();
    await expect(run.loadCheckpoint('best')).rejects.toMatchObject(checkpointError(/no best checkpoint/));
    await run.setBest(best);
    await rm(join(run.path, 'checkpoints', '1'), { recursive: true });
    expect(await run.best()).toBeUndefined();
    await writeFile(join(run.path, 'checkpoints', 'best.json'), '{"format":1,"step":"1"}');
    await expect(run.best()).rejects.toMatchObject(checkpointError(/best\.json: expected/));
  });
});

describe('RunFolder', () => {
  it.each([
    ['config.json', '{"db":"mine"}'],
    ['config.json', 'no JSON'],
    ['metrics.jsonl', '{"mine":1}'],
  ])('leaves %s of somebody else alone: %s', async (name, text) => {
    const path = join(folder, `project-${name}-${text.length}`);
    await mkdir(path);
    await writeFile(join(path, name), text);
    await expect(RunFolder.create(path, config)).rejects.toMatchObject(checkpointError(/is no run's/));
    expect(await readFile(join(path, name), 'utf8')).toBe(text);
  });

  it('is created, opened and refused a second time', async () => {
    const path = join(folder, 'deep', 'run');
    const run = await RunFolder.create(path, config);
    expect((await RunFolder.open(path)).config).toEqual(config);
    expect(run.path).toBe(path);
    await run.saveCheckpoint(contentOf(1));
    await expect(RunFolder.create(path, config)).rejects.toMatchObject(checkpointError(/holds a run already/));
  });

  it('is begun anew where it stopped before its first checkpoint', async () => {
    const run = await runWith();
    await run.metrics.append({ step: 1 });
    const again = await RunFolder.create(run.path, { ...config, epochs: 7 });
    expect((await RunFolder.open(run.path)).config.epochs).toBe(7);
    expect(await again.metrics.read()).toEqual([]);
  });

  it('takes another number of epochs', async () => {
    const run = await (await runWith(5)).with({ epochs: 9 });
    expect((await RunFolder.open(run.path)).config).toEqual({ ...config, epochs: 9 });
    expect(run.config.epochs).toBe(9);
  });

  it('refuses a place that cannot be written', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(RunFolder.create(join(file, 'run'), config)).rejects.toMatchObject(
      checkpointError(/cannot be written/),
    );
  });

  it('refuses a folder without a run, and a damaged config', async () => {
    await expect(RunFolder.open(folder)).rejects.toMatchObject(checkpointError(/there is no run in/));
    await writeFile(join(folder, 'config.json'), '{"format": 1,');
    await expect(RunFolder.open(folder)).rejects.toMatchObject(checkpointError(/config\.json: is not valid JSON/));
    await writeFile(join(folder, 'config.json'), '{"format": 1, "format": 1}');
    await expect(RunFolder.open(folder)).rejects.toMatchObject(checkpointError(/'format' occurs twice/));
  });
});

describe('checkpoints', () => {
  it('come back as they were saved', async () => {
    const run = await runWith(10);
    const { folder: path, model, optimizer, state } = await run.loadCheckpoint();
    const expected = contentOf(10);
    expect(path).toBe(join(run.path, 'checkpoints', '10'));
    expect(state).toEqual(expected.state);
    expect(model.get('encoder.conv1.weight')?.data).toEqual(Buffer.from(tensorOf(10, 2).data));
    expect([...(optimizer?.keys() ?? [])]).toEqual(['momentum.encoder.conv1.weight']);
    expect((await run.loadCheckpoint('latest', { optimizer: false })).optimizer).toBeUndefined();
  });

  it('may have no optimizer, and may be of step 0', async () => {
    const run = await runWith();
    const { model, state } = contentOf(0);
    await run.saveCheckpoint({ model, state });
    expect((await run.loadCheckpoint(0)).optimizer).toBeUndefined();
  });

  it('are listed by number, and pruned to the newest', async () => {
    const run = await runWith(9, 10, 100);
    await mkdir(join(run.path, 'checkpoints', '007'));
    expect(await run.steps()).toEqual([9, 10, 100]);
    await run.saveCheckpoint(contentOf(101), { keep: 2 });
    expect(await run.steps()).toEqual([100, 101]);
    expect(await readdir(join(run.path, 'checkpoints'))).toContain('latest.json');
  });

  it('keep the latest one even when its step is not among the newest', async () => {
    const run = await runWith(100, 200, 300);
    await run.saveCheckpoint(contentOf(150), { keep: 2 });
    expect(await run.steps()).toEqual([150, 200, 300]);
    expect((await run.loadCheckpoint()).state.step).toBe(150);
  });

  it('clear away what an interrupted write left', async () => {
    const run = await runWith(1);
    const left = `.2.tmp-${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`;
    await mkdir(join(run.path, 'checkpoints', left));
    await run.saveCheckpoint(contentOf(2));
    expect((await readdir(join(run.path, 'checkpoints'))).sort()).toEqual(['1', '2', 'latest.json']);
  });

  it('are written again over the same step', async () => {
    const run = await runWith(5);
    await run.saveCheckpoint({ ...contentOf(5), state: { step: 5, epoch: 3 } });
    expect((await run.loadCheckpoint(5)).state.epoch).toBe(3);
  });

  it.runIf(process.platform === 'linux')('list their files as sha256sum does', async () => {
    const cwd = await (await runWith(10)).saveCheckpoint(contentOf(10));
    expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd, encoding: 'utf8' })).toBe(
      'model.safetensors: OK\noptimizer.safetensors: OK\nstate.json: OK\n',
    );
  });

  it('refuse a bad tensor, step or keep, and leave the older ones', async () => {
    const run = await runWith(1);
    const bad: CheckpointContent = { ...contentOf(2), model: new Map([['x', { ...tensorOf(1), shape: [2] }]]) };
    await expect(run.saveCheckpoint(bad)).rejects.toMatchObject(checkpointError(/tensor 'x'/));
    await expect(run.saveCheckpoint(contentOf(-1))).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(run.saveCheckpoint(contentOf(2), { keep: 0 })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(run.saveCheckpoint(contentOf(2), { kep: 1 } as object)).rejects.toMatchObject({
      message: expect.stringContaining("did you mean 'keep'"),
    });
    expect(await run.steps()).toEqual([1]);
  });

  it('say so when the folder cannot be written', async () => {
    const run = await runWith();
    await rm(join(run.path, 'checkpoints'), { recursive: true });
    await writeFile(join(run.path, 'checkpoints'), '');
    await expect(run.saveCheckpoint(contentOf(1))).rejects.toMatchObject(checkpointError(/cannot be written/));
  });
});

describe('a damaged checkpoint', () => {
  const flipBit = async (file: string): Promise<void> => {
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1; // in the last value: still a valid file
    await writeFile(file, bytes);
  };
  const damage = async (run: RunFolder, step: number): Promise<void> =>
    truncate(join(run.path, 'checkpoints', String(step), 'model.safetensors'), 40);

  it('is passed over for the one before, with a warning', async () => {
    const run = await runWith(10, 20, 30);
    await damage(run, 30);
    await damage(run, 20);
    const warnings: string[] = [];
    const { state } = await run.loadCheckpoint('latest', { onWarning: (message) => warnings.push(message) });
    expect(state.step).toBe(10);
    expect(warnings).toEqual([
      expect.stringMatching(/30.model\.safetensors: is damaged: .* SHA256SUMS; using the checkpoint of step 10/),
      expect.stringMatching(/20.model\.safetensors: is damaged: .* SHA256SUMS; using the checkpoint of step 10/),
    ]);
  });

  it('warns through the process by default', async () => {
    const run = await runWith(10, 20);
    await damage(run, 20);
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await run.loadCheckpoint();
      expect(emit).toHaveBeenCalledWith(
        expect.stringContaining('using the checkpoint of step 10'),
        'CheckpointWarning',
      );
    } finally {
      emit.mockRestore();
    }
  });

  it('is an error when it is asked for by number', async () => {
    const run = await runWith(10, 20);
    await damage(run, 20);
    await expect(run.loadCheckpoint(20)).rejects.toMatchObject(checkpointError(/20.model\.safetensors/));
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['no state', (path) => rm(join(path, 'state.json'))],
    ['a state that is not JSON', (path) => writeFile(join(path, 'state.json'), '{')],
    ['a state of another step', (path) => writeFile(join(path, 'state.json'), '{"step":3,"epoch":0}')],
    ['a state without an epoch', (path) => writeFile(join(path, 'state.json'), '{"step":20}')],
    ['no model', (path) => rm(join(path, 'model.safetensors'))],
    ['a model without tensors', (path) => writeFile(join(path, 'model.safetensors'), '\x02\0\0\0\0\0\0\0{}')],
    ['a damaged optimizer', (path) => writeFile(join(path, 'optimizer.safetensors'), 'x')],
    ['no optimizer, where there was one', (path) => rm(join(path, 'optimizer.safetensors'))],
    ['one bit of the weights flipped', (path) => flipBit(join(path, 'model.safetensors'))],
    ['one bit of the optimizer flipped', (path) => flipBit(join(path, 'optimizer.safetensors'))],
    ['no list of its files', (path) => rm(join(path, 'SHA256SUMS'))],
    ['a list of another form', (path) => writeFile(join(path, 'SHA256SUMS'), 'model.safetensors\n')],
    ['a list without the model', (path) => writeFile(join(path, 'SHA256SUMS'), '')],
  ])('counts as damaged with %s', async (_, harm) => {
    const run = await runWith(10, 20);
    await harm(join(run.path, 'checkpoints', '20'));
    await expect(run.loadCheckpoint(20)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    expect((await run.loadCheckpoint('latest', { onWarning: () => {} })).state.step).toBe(10);
  });

  it('is an error with all of their reasons when none is whole', async () => {
    const run = await runWith(10, 20);
    await damage(run, 10);
    await damage(run, 20);
    await expect(run.loadCheckpoint()).rejects.toMatchObject(
      checkpointError(/no checkpoint that can be used\n.*20.*\n.*10/),
    );
  });

  it('does not go beyond what latest.json names while that is whole', async () => {
    const run = await runWith(10, 20);
    await writeFile(join(run.path, 'checkpoints', 'latest.json'), '{"format":1,"step":10}');
    expect((await run.loadCheckpoint()).state.step).toBe(10);
  });

  it.each(['', '[]', '{"format":2,"step":10}', '{"format":1,"step":"../x"}', '{"format":1,"step":{"toString":1}}'])(
    'survives a latest.json of %j',
    async (text) => {
      const run = await runWith(10, 20);
      await writeFile(join(run.path, 'checkpoints', 'latest.json'), text);
      const onWarning = vi.fn();
      expect((await run.loadCheckpoint('latest', { onWarning })).state.step).toBe(20);
      expect(onWarning).toHaveBeenCalledWith(
        expect.stringMatching(/latest\.json: .*; using the checkpoint of step 20/),
      );
    },
  );

  it('is told from one that was never there', async () => {
    const run = await runWith();
    await expect(run.loadCheckpoint()).rejects.toMatchObject(checkpointError(/no checkpoint that can be used$/));
    await expect(run.loadCheckpoint(3)).rejects.toMatchObject(
      checkpointError(/no checkpoint of step 3 .*there are none/),
    );
    await run.saveCheckpoint(contentOf(10));
    await expect(run.loadCheckpoint(3)).rejects.toMatchObject(checkpointError(/there are 10/));
    await expect(run.loadCheckpoint(10, { optimiser: true } as object)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});

describe('openCheckpoint', () => {
  it('takes a run, or one of its checkpoints', async () => {
    const { path } = await runWith(10, 20);
    expect((await openCheckpoint(path)).checkpoint.state.step).toBe(20);
    const { run, checkpoint } = await openCheckpoint(join(path, 'checkpoints', '10'));
    expect([run.path, checkpoint.state.step]).toEqual([path, 10]);
  });

  it('refuses anything else', async () => {
    await expect(openCheckpoint(folder)).rejects.toMatchObject(checkpointError(/there is no run in/));
  });
});

describe('metrics', () => {
  it('are appended in order and read back', async () => {
    const { metrics } = await runWith();
    expect(await metrics.read()).toEqual([]);
    const steps = Array.from({ length: 20 }, (_, step) => step);
    await Promise.all(steps.map((step) => metrics.append({ step, loss: Number.NaN })));
    expect(await metrics.read()).toEqual(steps.map((step) => ({ step, loss: null })));
  });

  it('lose only a half last line to a crash', async () => {
    const run = await runWith();
    const file = join(run.path, 'metrics.jsonl');
    await writeFile(file, '{"step":1,"n":"é"}\n{"step":2,"lo');
    expect(await run.metrics.read()).toEqual([{ step: 1, n: 'é' }]);
    await run.metrics.append({ step: 2 });
    expect(await readFile(file, 'utf8')).toBe('{"step":1,"n":"é"}\n{"step":2}\n');
  });

  it('drop what comes after the step that a run resumes from', async () => {
    const { metrics } = await runWith();
    for (const record of [{ step: 1 }, { note: 'x' }, { step: 2 }, { step: 3 }]) await metrics.append(record);
    await metrics.dropAfter(2);
    await metrics.append({ step: 3, again: true });
    expect(await metrics.read()).toEqual([{ step: 1 }, { note: 'x' }, { step: 2 }, { step: 3, again: true }]);
  });

  it.each(['nonsense', '[1]', '3'])('name a line that is %s', async (line) => {
    const run = await runWith();
    await writeFile(join(run.path, 'metrics.jsonl'), `{"step":1}\n${line}\n`);
    await expect(run.metrics.read()).rejects.toMatchObject(checkpointError(/metrics\.jsonl: line 2 must be/));
  });

  it('say so when they cannot be written, and go on when they can again', async () => {
    const run = await runWith();
    await run.metrics.append({ step: 1 });
    await rm(run.path, { recursive: true });
    await expect(run.metrics.append({ step: 2 })).rejects.toMatchObject(checkpointError(/cannot be written/));
    await mkdir(run.path);
    await run.metrics.append({ step: 3 });
    expect(await run.metrics.read()).toEqual([{ step: 2 }, { step: 3 }]);
  });

  it('are written once and whole after a write that failed in the middle of a line', async () => {
    const run = await runWith();
    await run.metrics.append({ step: 1 });
    const half: typeof fs.promises.appendFile = async (path, text) => {
      fs.appendFileSync(path as string, String(text).slice(0, -4));
      throw new Error('ENOSPC: no space left on device');
    };
    const failing = vi.spyOn(fs.promises, 'appendFile').mockImplementationOnce(half).mockImplementationOnce(half);
    syncBuiltinESMExports();
    try {
      for (const step of [2, 3])
        await expect(run.metrics.append({ step })).rejects.toMatchObject(checkpointError(/cannot be written: ENOSPC/));
    } finally {
      failing.mockRestore();
      syncBuiltinESMExports();
    }
    await run.metrics.flush();
    await run.metrics.append({ step: 4 });
    expect(await run.metrics.read()).toEqual([1, 2, 3, 4].map((step) => ({ step })));
  });

  it('say so when they cannot be read', async () => {
    const run = await runWith();
    await mkdir(join(run.path, 'metrics.jsonl'));
    await expect(run.metrics.read()).rejects.toMatchObject(checkpointError(/cannot be read/));
  });
});
