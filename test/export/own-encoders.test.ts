/** Encoders that users write: exported without a line about them here. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportOptions, exportOnnx } from '../../lib/export/export-onnx.ts';
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  GELU,
  Hardsigmoid,
  Hardswish,
  LayerNorm,
  Linear,
  Module,
  MultiheadAttention,
  Parameter,
  Sequential,
  SiLU,
} from '../../lib/nn/index.ts';
import { autocast, noGrad, tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { uniform } from '../encoders/formula.ts';
import { runOnnx } from './onnx-runtime.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-'));
  file = join(folder, 'model.onnx');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A vision transformer: Dosovitskiy et al. 2020, arXiv:2010.11929. */
class Transformer extends Module {
  readonly patches = new Conv2d(3, 24, 4, { stride: 4 });
  readonly token = new Parameter(ops.randn([1, 1, 24], { seed: 1 }));
  readonly positions = new Parameter(ops.randn([1, 17, 24], { seed: 2 }));
  readonly blocks = [new TransformerBlock(24, 3), new TransformerBlock(24, 4)];
  readonly norm = new LayerNorm(24);

  override forward(images: Tensor): Tensor {
    const patches = this.patches.forward(images).flatten(2).transpose(1, 2);
    let x = ops.cat([this.token.expand([images.shape[0] as number, -1, -1]), patches], 1).add(this.positions);
    for (const block of this.blocks) x = block.forward(x);
    return this.norm.forward(x).select(1, 0);
  }
}

class TransformerBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attention: MultiheadAttention;
  readonly norm2: LayerNorm;
  readonly mlp: Sequential;

  constructor(dim: number, heads: number) {
    super();
    this.norm1 = new LayerNorm(dim);
    this.attention = new MultiheadAttention(dim, heads, { batchFirst: true, dropout: 0.1 });
    this.norm2 = new LayerNorm(dim);
    this.mlp = new Sequential([new Linear(dim, 4 * dim), new GELU(), new Dropout(0.1), new Linear(4 * dim, dim)]);
  }

  override forward(x: Tensor): Tensor {
    const y = x.add(this.attention.forward(this.norm1.forward(x)));
    return y.add(this.mlp.forward(this.norm2.forward(y)));
  }
}

/** A stage of ConvNeXt: Liu et al. 2022, arXiv:2201.03545. */
class ConvNext extends Module {
  readonly stem = new Conv2d(3, 16, 4, { stride: 4 });
  readonly depthwise = new Conv2d(16, 16, 7, { padding: 3, groups: 16 });
  readonly norm = new LayerNorm(16);
  readonly mlp = new Sequential([new Linear(16, 64), new GELU(), new Linear(64, 16)]);
  readonly scale = new Parameter(ops.full([16], 0.5));

  override forward(images: Tensor): Tensor {
    const x = this.stem.forward(images);
    const y = this.norm.forward(this.depthwise.forward(x).permute([0, 2, 3, 1]));
    const block = this.mlp.forward(y).mul(this.scale).permute([0, 3, 1, 2]);
    return x.add(block).mean([2, 3]);
  }
}

/** An inverted residual with squeeze and excitation, as MobileNetV3's (arXiv:1905.02244) and EfficientNet's. */
class Inverted extends Module {
  readonly stem = new Conv2d(3, 8, 3, { stride: 2, padding: 1, bias: false });
  readonly bn = new BatchNorm2d(8);
  readonly swish = new Hardswish();
  readonly wide = new Conv2d(8, 24, 1);
  readonly depthwise = new Conv2d(24, 24, 5, { padding: 2, groups: 24, bias: false });
  readonly bn2 = new BatchNorm2d(24);
  readonly squeeze = new Sequential([new Conv2d(24, 6, 1), new SiLU(), new Conv2d(6, 24, 1), new Hardsigmoid()]);
  readonly narrow = new Conv2d(24, 8, 1);

  override forward(images: Tensor): Tensor {
    const x = this.swish.forward(this.bn.forward(this.stem.forward(images)));
    const y = this.swish.forward(this.bn2.forward(this.depthwise.forward(this.wide.forward(x))));
    const scaled = y.mul(this.squeeze.forward(y.adaptiveAvgPool2d([1, 1])));
    return this.narrow.forward(scaled).add(x).adaptiveAvgPool2d([1, 1]).flatten(1);
  }
}

/** An encoder of a function. */
class Of extends Module {
  readonly fn: (images: Tensor) => Tensor;

  constructor(fn: (images: Tensor) => Tensor) {
    super();
    this.fn = fn;
  }

  override forward(images: Tensor): Tensor {
    return this.fn(images);
  }
}

async function expectEqual(
  encoder: Module,
  size: readonly [number, number],
  options: ExportOptions = {},
): Promise<void> {
  const { output } = await exportOnnx(encoder, file, options);
  for (const batch of [1, 5]) {
    const shape = [batch, 3, ...size];
    const images = uniform(batch, shape);
    const training = encoder.training;
    encoder.eval();
    const expected = await noGrad(() =>
      tidy(async () => (await encoder.forward(tensor(images, { shape })).data()) as Float32Array),
    );
    encoder.train(training);
    const { dims, values } = await runOnnx(file, images, shape);
    expect(dims).toEqual([batch, output.shape[1]]);
    const most = Math.max(...expected.map(Math.abs));
    expect(Math.max(...values.map((value, i) => Math.abs(value - (expected[i] as number)))) / most).toBeLessThan(1e-4);
  }
}

describe('an encoder of the own making', () => {
  it('may be a vision transformer, of images of its size', async () => {
    using encoder = new Transformer();
    await expectEqual(encoder, [16, 16], { input: { size: 16 } });
    await expect(exportOnnx(encoder, file)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/encoder must take images of shape .* with input: { size }/),
    });
  });

  it('may be a ConvNeXt, of images of every size', async () => {
    using encoder = new ConvNext();
    for (const size of [
      [16, 16],
      [24, 40],
    ] as const)
      await expectEqual(encoder, size);
  });

  it.each([true, false])('may be an inverted residual, folded: %s', async (foldBatchNorm) => {
    using encoder = new Inverted();
    for (const size of [
      [16, 16],
      [11, 25],
    ] as const)
      await expectEqual(encoder, size, { foldBatchNorm });
  });

  it('is exported in evaluation mode, and every part of it keeps its own', async () => {
    using encoder = new Inverted();
    encoder.bn2.eval();
    await expectEqual(encoder, [16, 16]);
    encoder.train();
    encoder.bn2.eval();
    await exportOnnx(encoder, file);
    expect([encoder.training, encoder.bn.training, encoder.bn2.training]).toEqual([true, true, false]);
  });

  it('must do the same for images of every size, or name one', async () => {
    class Cropped extends Module {
      override forward(images: Tensor): Tensor {
        const height = images.shape[2] as number;
        return images.narrow(2, height / 4, height / 2).mean([2, 3]);
      }
    }
    using encoder = new Cropped();
    await expect(exportOnnx(encoder, file)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/every size .* it does not in aten::narrow at .*own-encoders\.test\.ts:\d+:\d+/),
    });
    await expectEqual(encoder, [16, 16], { input: { size: 16 } });

    class Divided extends Module {
      override forward(images: Tensor): Tensor {
        return images.sum([2, 3]).div(tensor([images.shape[2] as number]));
      }
    }
    await expect(exportOnnx(new Divided(), file)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/must do the same for images of every size .* it does not$/),
    });
  });

  /** The height and width of images (batch, channels, height, width). */
  const sides = ({ shape }: Tensor) => [shape[2], shape[3]] as [number, number];
  const strided = () =>
    new Sequential([3, 4, 4, 4, 4, 4].map((channels) => new Conv2d(channels, 4, 3, { stride: 2, padding: 1 })));
  const everySize = /must do the same for images of every size/;
  const ofASize: readonly (readonly [string, RegExp, () => (images: Tensor) => Tensor])[] = [
    ['the area', everySize, () => (images) => images.sum([2, 3]).div(sides(images)[0] * sides(images)[1])],
    ['the perimeter', everySize, () => (images) => images.sum([2, 3]).div(sides(images)[0] + sides(images)[1])],
    ['the longer side', everySize, () => (images) => images.mean([2, 3]).mul(Math.max(...sides(images)))],
    ['the shorter side', everySize, () => (images) => images.mean([2, 3]).mul(Math.min(...sides(images)))],
    [
      'the area as a shape',
      everySize,
      () => (images) => images.reshape([-1, 3, sides(images)[0] * sides(images)[1]]).mean(2),
    ],
    [
      'what is missing to a multiple of 32',
      everySize,
      () => (images) => ops.pad(images, [0, -sides(images)[1] & 31]).mean([2, 3]),
    ],
    [
      'which side is longer',
      everySize,
      () => (images) => images.mean([2, 3]).mul(sides(images)[0] > sides(images)[1] ? 1 : 2),
    ],
    [
      'features of a fixed number',
      /must take images of shape \[2, 3, 320, 448\], but: .* cannot be multiplied/,
      () => {
        const [layers, linear] = [strided(), new Linear(48, 5)];
        return (images) => linear.forward(layers.forward(images).flatten(1));
      },
    ],
    [
      'windows that tile the image',
      /^aten::adaptive_avg_pool2d .* must be the same for every input/,
      () => {
        const layers = strided();
        return (images) => layers.forward(images).adaptiveAvgPool2d([2, 2]).mean([2, 3]);
      },
    ],
  ];
  it.each(ofASize)('must not depend on the size of images: %s', async (_, message, make) => {
    await expect(exportOnnx(new Of(make()), file)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(message),
    });
  });

  it('may choose its parameters by the size of images, of one size only', async () => {
    class Chosen extends Module {
      readonly high = new Parameter(ops.full([3], 0.5));
      readonly wide = new Parameter(ops.full([3], 1.5));
      override forward(images: Tensor): Tensor {
        const [height, width] = sides(images);
        const [first, second] = height > width ? [this.high, this.wide] : [this.wide, this.high];
        return images.mean([2, 3]).mul(first).add(second);
      }
    }
    using encoder = new Chosen();
    await expect(exportOnnx(encoder, file)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expectEqual(encoder, [16, 16], { input: { size: 16 } });
  });

  it('may make a sequence of an image of any size', async () => {
    using encoder = new Of((images) =>
      images.flatten(2).transpose(1, 2).softmax(1).mul(images.flatten(2).transpose(1, 2)).sum(1),
    );
    for (const size of [
      [16, 16],
      [11, 25],
    ] as const)
      await expectEqual(encoder, size);
  });

  it('is exported without its hooks, and as outside of autocast', async () => {
    using encoder = new Inverted();
    const maps: Tensor[] = [];
    encoder.bn.registerForwardHook((_module, _inputs, output) => void maps.push(output));
    const remove = encoder.stem.registerForwardHook((_module, _inputs, output) => output.mul(2));
    await autocast('bfloat16', () => exportOnnx(encoder, file));
    expect(maps).toEqual([]);
    const hooked = await readFile(file);
    remove();
    await exportOnnx(encoder, file);
    expect(hooked.equals(await readFile(file))).toBe(true);
    await expectEqual(encoder, [16, 16]);
  });

  it('must give a vector an image', async () => {
    class Maps extends Module {
      override forward(images: Tensor): Tensor {
        return images.mul(2);
      }
    }
    await expect(exportOnnx(new Maps(), file)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: 'the modules must give float32 (batch, dim), got float32 (batch, 3, of the images, of the images)',
    });
  });

  it('of float64 is refused', async () => {
    class Double extends Module {
      override forward(images: Tensor): Tensor {
        return images.mean([2, 3]).to('float64');
      }
    }
    await expect(exportOnnx(new Double(), file)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
  });
});
