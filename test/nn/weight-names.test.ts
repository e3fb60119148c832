/** Checkpoints of other projects, as make_weights.py lays them out: under which names, and which of several networks. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convnextT } from '../../lib/encoders/convnext.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { vitTi16 } from '../../lib/encoders/vision-transformer.ts';
import { encodeSafetensors } from '../../lib/files/safetensors.ts';
import { Module, Parameter } from '../../lib/nn/index.ts';
import { describeLoaded, readWeights } from '../../lib/nn/weights-file.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { rawState } from '../../lib/tensor/raw-tensors.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { stored } from '../files/torch-archive.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weight-names-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(name: string): Promise<string> {
  const path = join(folder, `${name}.pth`);
  await writeFile(path, stored(`${name}.pth`));
  return path;
}

/** Tensor `number` of the state, as make_weights.py fills it. */
const filled = (size: number, number: number): number[] =>
  Array.from({ length: size }, (_, i) => (((number * 31 + i * 7) % 64) - 32) / 32);

async function expectFilled(module: Module): Promise<void> {
  for (const [number, [name, tensor]] of [...module.stateDict()].entries()) {
    const expected = tensor.ndim === 0 ? [number] : filled(tensor.size, number);
    expect(Array.from(await tensor.data(), Number), name).toEqual(expected);
  }
}

describe('a residual network', () => {
  it.each([
    ['torchvision', 'imagenet', { prefix: '' }, 'fc.weight'],
    ['supcontrast', 'cifar', { prefix: 'model.encoder.module.', naming: 'SupContrast' }, 'opt (argparse.Namespace)'],
    ['moco-v2', 'imagenet', { prefix: 'state_dict.module.encoder_q.' }, 'state_dict.module.encoder_k.conv1.weight'],
    [
      'lightly',
      'imagenet',
      { prefix: 'state_dict.backbone.', naming: 'lightly, a list of the parts of torchvision.models.resnet' },
      'state_dict.backbone_momentum.0.weight',
    ],
    ['lightly-generator', 'cifar', { prefix: 'state_dict.backbone.', naming: 'lightly, ResNetGenerator' }, undefined],
    ['solo-learn', 'cifar', { prefix: 'state_dict.backbone.' }, 'state_dict.momentum_backbone.conv1.weight'],
  ] as const)('of %s', async (name, stem, expected, leftOut) => {
    using encoder = resnet18({ stem, width: 1 });
    const report = await encoder.load(await fileOf(name));
    expect(report).toMatchObject({ ...expected, missing: [], adapted: [] });
    expect(report.loaded).toEqual([...encoder.stateDict().keys()]);
    if (leftOut !== undefined) expect(report.leftOut).toContain(leftOut);
    await expectFilled(encoder);
  });

  it('with the network that follows, by its prefix', async () => {
    using encoder = resnet18({ width: 1 });
    const prefix = 'state_dict.module.encoder_k.';
    const report = await encoder.load(await fileOf('moco-v2'), { prefix });
    expect(report.prefix).toBe(prefix);
    expect(describeLoaded(report)).toMatch(
      /^\d+ tensors at 'state_dict\.module\.encoder_k\.'; left out '.*and \d+ more$/,
    );
    expect(await encoder.bn1.weight?.toArray()).toEqual([(filled(1, 1)[0] as number) + 1]);
  });

  it('of another size, or of another kind, is refused', async () => {
    using cifar = resnet18({ stem: 'cifar', width: 1 });
    const other = (message: RegExp) => ({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });
    await expect(cifar.load(await fileOf('torchvision'))).rejects.toMatchObject(
      other(/'conv1\.weight' must have shape \[1,3,3,3\], got \[1,3,7,7\]/),
    );
    await expect(cifar.load(await fileOf('timm-vit'))).rejects.toMatchObject(other(/holds none of the module's/));
  });
});

it("a ConvNeXt leaves out the classifier of torchvision's, which stands beside a normalisation", async () => {
  using first = convnextT({ width: 2, seed: 1 });
  using second = convnextT({ width: 2, seed: 2 });
  const classifier = { dtype: 'F32', shape: [1, 16], data: new Uint8Array(64) } as const;
  const theirs = new Map([...(await rawState(first.stateDict())), ['classifier.2.weight', classifier]]);
  const file = join(folder, 'convnext.safetensors');
  await writeFile(file, encodeSafetensors(theirs));
  expect(await second.load(file)).toMatchObject({ prefix: '', missing: [], leftOut: ['classifier.2.weight'] });
  const [weights, loaded] = [first, second].map((net) => net.parameters()[0] as Tensor);
  expect(await loaded?.toArray()).toEqual(await weights?.toArray());
});

/** The names and shapes of torchvision's VisionTransformer(8, 4, 2, 2, 8, 16), without its classifier; computes nothing. */
class VisionTransformerNames extends Module {
  constructor() {
    super();
    const add = (name: string, ...shape: number[]) => {
      const path = name.split('.');
      const last = path.pop() as string;
      let at: Module = this;
      for (const part of path) {
        const fields = at as unknown as Record<string, Module>;
        fields[part] ??= new Names();
        at = fields[part];
      }
      (at as unknown as Record<string, Parameter>)[last] = new Parameter(ops.zeros(shape));
    };
    add('class_token', 1, 1, 8);
    add('conv_proj.weight', 8, 3, 4, 4);
    add('conv_proj.bias', 8);
    add('encoder.pos_embedding', 1, 5, 8);
    for (const i of [0, 1]) {
      const block = `encoder.layers.encoder_layer_${i}`;
      for (const [name, ...shape] of [
        ['ln_1.weight', 8],
        ['ln_1.bias', 8],
        ['self_attention.in_proj_weight', 24, 8],
        ['self_attention.in_proj_bias', 24],
        ['self_attention.out_proj.weight', 8, 8],
        ['self_attention.out_proj.bias', 8],
        ['ln_2.weight', 8],
        ['ln_2.bias', 8],
        ['mlp.0.weight', 16, 8],
        ['mlp.0.bias', 16],
        ['mlp.3.weight', 8, 16],
        ['mlp.3.bias', 8],
      ] as [string, ...number[]][])
        add(`${block}.${name}`, ...shape);
    }
    add('encoder.ln.weight', 8);
    add('encoder.ln.bias', 8);
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

class Names extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** What timm calls it. */
function timmName(name: string): string {
  const block = /^encoder\.layers\.encoder_layer_(\d+)\.(.*)$/.exec(name);
  if (block !== null) {
    const inner = (block[2] as string)
      .replace('ln_', 'norm')
      .replace('self_attention.in_proj_', 'attn.qkv.')
      .replace('self_attention.out_proj', 'attn.proj')
      .replace('mlp.0', 'mlp.fc1')
      .replace('mlp.3', 'mlp.fc2');
    return `blocks.${block[1]}.${inner}`;
  }
  if (name === 'class_token') return 'cls_token';
  if (name === 'encoder.pos_embedding') return 'pos_embed';
  return name.replace('conv_proj', 'patch_embed.proj').replace('encoder.ln', 'norm');
}

describe('a vision transformer', () => {
  const timm = 'timm, vision transformers';

  it("of this package takes timm's names", async () => {
    using first = vitTi16({ width: 64, size: 32, seed: 1 });
    using second = vitTi16({ width: 64, size: 32, seed: 2 });
    const theirs = [...(await rawState(first.stateDict()))].map(([name, raw]) => [timmName(name), raw] as const);
    const file = join(folder, 'timm.safetensors');
    await writeFile(file, encodeSafetensors(new Map(theirs)));
    const report = await second.load(file);
    expect(report).toMatchObject({ naming: timm, missing: [], leftOut: [] });
    const digests = async (module: Module) =>
      [...(await rawState(module.stateDict())).values()].map(({ data }) =>
        createHash('sha256').update(data).digest('hex'),
      );
    expect(await digests(second)).toEqual(await digests(first));
  });

  it.each([
    ['timm-vit', { prefix: '', naming: timm }, ['head.weight', 'head.bias']],
    [
      'torchvision-vit',
      { prefix: '', naming: 'torchvision before 0.12, vision transformers' },
      ['heads.head.weight', 'heads.head.bias'],
    ],
    ['moco-v3', { prefix: 'state_dict.module.base_encoder.', naming: timm }, ['state_dict.module.predictor.0.weight']],
  ] as const)('of %s', async (name, expected, leftOut) => {
    using encoder = new VisionTransformerNames();
    const report = await encoder.load(await fileOf(name));
    expect(report).toMatchObject({ ...expected, missing: [] });
    expect(report.leftOut).toEqual(expect.arrayContaining([...leftOut]));
    const weights = await readWeights(await fileOf('torchvision-vit'));
    const own = encoder.stateDict();
    expect(own.size).toBe(weights.size - 2);
    for (const [theirs, tensor] of weights) {
      if (theirs.startsWith('heads.')) continue;
      const ours = own.get(theirs.replace('linear_1', '0').replace('linear_2', '3'));
      expect(await ours?.toArray(), theirs).toEqual(await tensor.toArray());
      tensor.dispose();
    }
  });
});
