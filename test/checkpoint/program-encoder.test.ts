/** Runs of encoders that nobody registered: they open without the code that made them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import { encoderProgram, ProgramEncoder } from '../../lib/checkpoint/program-encoder.ts';
import { Conv2d } from '../../lib/nn/conv2d.ts';
import { Linear } from '../../lib/nn/linear.ts';
import { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { size, tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-program-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Custom extends Module {
  readonly featureDim = 6;
  readonly conv = new Conv2d(1, 4, 3, { padding: 1 });
  readonly bn = new BatchNorm2d(4);
  readonly fc = new Linear(4, 6);
  override forward(x: Tensor): Tensor {
    const pooled = this.bn.forward(this.conv.forward(x)).relu().mean([2, 3]);
    return this.fc.forward(pooled).add(tensor([0, 1, 2, 3, 4, 5])); // a constant
  }
}

const input = { size, channels: 1, mean: [0], std: [1] };

describe('a run of an encoder that is not registered', () => {
  it('opens without its code, as an encoder and in an embedder', async () => {
    const out = join(folder, 'run');
    const encoder = new Custom();
    await new Trainer({ encoder, head: null, augment: tinyViews(), batchSize: 8, epochs: 1, seed: 3 }).fit(
      tinyDataset(),
      { out },
    );
    encoder.eval();
    const x = ops.rand([3, 1, size, size], { seed: 1 });
    using loaded = await loadEncoder({ checkpoint: out });
    expect(loaded).toBeInstanceOf(ProgramEncoder);
    const expected = await noGrad(() => encoder.forward(x)).data();
    expect(await loaded.forward(x).data()).toEqual(expected);
    using copy = loaded.clone();
    loaded.dispose();
    expect(await copy.forward(x).data()).toEqual(expected);
    await using embedder = await createEmbedder({ checkpoint: out });
    expect(embedder.dim).toBe(6);
    expect(
      await embedder.embed({ data: new Uint8Array(size * size), width: size, height: size, channels: 1 }),
    ).toHaveLength(6);
  });

  it('keeps the modes of its parts while its program is taken', async () => {
    const { encoder } = tinyModels();
    const [, part] = [...encoder.namedModules().values()] as [Module, Module];
    part.eval();
    await encoderProgram(encoder, input);
    expect([encoder.training, part.training]).toEqual([true, false]);
  });

  it('has no forward hooks', async () => {
    using encoder = new Custom();
    const plain = await encoderProgram(encoder, input);
    const maps: Tensor[] = [];
    encoder.conv.registerForwardHook((_module, _inputs, output) => void maps.push(output));
    const remove = encoder.fc.registerForwardHook((_module, _inputs, output) => output.mul(2));
    expect((await encoderProgram(encoder, input)).text).toBe(plain.text);
    expect(maps).toEqual([]);
    await new Trainer({ encoder, head: null, augment: tinyViews(), batchSize: 8, epochs: 1, seed: 3 }).fit(
      tinyDataset(),
      { out: join(folder, 'hooked') },
    );
    expect(maps.length).toBeGreaterThan(0);
    await Promise.all(maps.map((map) => map.data())); // none without values
    const x = ops.rand([2, 1, size, size], { seed: 1 });
    using loaded = await loadEncoder({ checkpoint: join(folder, 'hooked') });
    remove();
    encoder.eval();
    expect(await loaded.forward(x).data()).toEqual(await noGrad(() => encoder.forward(x)).data());
  });

  it('makes tensors on the device that it is moved to', async () => {
    class Placed extends Custom {
      override forward(x: Tensor): Tensor {
        return super.forward(x).add(ops.arange(6, { dtype: 'float32', device: x.device }));
      }
    }
    using encoder = new Placed();
    const { text, constants } = await encoderProgram(encoder, input);
    expect(text).toContain('[6,"float32",{"default":true},{"device":true}]');
    const model = new Map([...(await rawState(encoder.stateDict(), 'encoder.')), ...constants]);
    using opened = new ProgramEncoder(text, model, input, 'f');
    const x = ops.rand([2, 1, size, size], { seed: 1 });
    encoder.eval();
    expect(await opened.forward(x).data()).toEqual(await noGrad(() => encoder.forward(x)).data());
  });

  it('is refused with a CheckpointError where its program is not what the run needs', async () => {
    const { text, constants } = await encoderProgram(new Custom(), input);
    const model = new Map([...(await rawState(new Custom().stateDict(), 'encoder.')), ...constants]);
    const open = (changed: string, weights = model) => new ProgramEncoder(changed, weights, input, 'f');
    expect(open(text).featureDim).toBe(6);
    const refusal = (message: RegExp) =>
      expect.objectContaining({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });
    expect(() => open(text, new Map())).toThrow(refusal(/f: the weights hold no tensor 'encoder\.conv\.weight'/));
    expect(() => open(text.replace('aten::linear', 'aten::system'))).toThrow(refusal(/'aten::system' is no operation/));
    expect(() => open(text.replace(/"outputs":\[\d+\]/, '"outputs":[0]'))).toThrow(
      refusal(/must give float32 \(batch, dim\)/),
    );
  });

  it('is warned of, where its forward pass is no program', async () => {
    class Changing extends Custom {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul_(2);
      }
    }
    const warnings: string[] = [];
    await new Trainer({
      encoder: new Changing(),
      head: null,
      augment: tinyViews(),
      batchSize: 8,
      epochs: 1,
      seed: 3,
    }).fit(tinyDataset(), {
      out: join(folder, 'changing'),
      onEvent: (event) => void (event.kind === 'warning' && warnings.push(event.message)),
    });
    expect(warnings.join()).toMatch(
      /only with the code of its encoder: 'aten::mul_\.Tensor' at .* changes a tensor in place/,
    );
  });
});
