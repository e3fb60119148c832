import { describe, expect, it } from 'vitest';
import { sinCosPositions } from '../../lib/encoders/positions.ts';
import { vitTi16 } from '../../lib/encoders/vision-transformer.ts';
import { positionsAt } from '../../lib/nn/position-grid.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { randn, sum, zeros } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { caught, expectClose, numbers } from './expect-close.ts';

const small = { size: 8, patch: 4, width: 64 } as const;

describe('options', () => {
  it('patch, size, width and channels make the shapes', () => {
    using net = vitTi16({ size: 12, patch: 4, width: 128, inChannels: 1 });
    const shapes = new Map([...net.stateDict()].map(([name, { shape }]) => [name, shape]));
    expect(shapes.get('conv_proj.weight')).toEqual([128, 1, 4, 4]);
    expect(shapes.get('encoder.pos_embedding')).toEqual([1, 10, 128]);
    expect(shapes.get('encoder.layers.encoder_layer_11.self_attention.in_proj_weight')).toEqual([384, 128]);
    expect(net.featureDim).toBe(128);
    expect(net.forward(zeros([2, 1, 12, 12])).shape).toEqual([2, 128]);
  });

  it('takes the class token, or the mean of the patches', () => {
    using token = vitTi16(small);
    using mean = vitTi16({ ...small, pooling: 'mean' });
    const x = randn([2, 3, 8, 8], { seed: 1 });
    let sequence: Tensor | undefined;
    for (const net of [token, mean])
      net.encoder.registerForwardHook((_module, _inputs, output) => {
        sequence = output;
      });
    expect(numbers(token.forward(x))).toEqual(numbers(sequence?.select(1, 0)));
    expect(numbers(mean.forward(x))).toEqual(numbers(sequence?.narrow(1, 1, 4).mean([1])));
  });

  it('drops more of the later blocks', () => {
    using net = vitTi16({ ...small, stochasticDepth: 0.11 });
    const shares = [...net.namedModules()].flatMap(([name, part]) =>
      /depth$/.test(name) ? [(part as { p?: number }).p] : [],
    );
    expect(shares.map((p) => Math.round(100 * (p as number)))).toEqual([...Array(12).keys()]);
  });

  it.each<[object, string, RegExp]>([
    [{ width: 96 }, 'ERR_OPTION', /width must be a multiple of 64, got 96/],
    [{ size: 30, patch: 4 }, 'ERR_SHAPE', /multiples of the patch, 4, got \[30, 30\]/],
    [{ pooling: 'max' }, 'ERR_OPTION', /pooling must be one of 'token', 'mean'/],
    [{ stem: 'cifar' }, 'ERR_OPTION', /vit-ti-16: unknown option 'stem'/],
  ])('refuses %o', (options, code, message) => {
    expect(caught(() => vitTi16(options))).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('positions', () => {
  it('sines and cosines are those of the row, then of the column', () => {
    const [side, width] = [3, 8];
    const values = numbers(sinCosPositions(side, width));
    expect(values.slice(0, width)).toEqual(Array(width).fill(0));
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) {
        const expected = [Math.sin, Math.cos].map((wave) => [wave(row), wave(row / 100)]);
        const more = [Math.sin, Math.cos].map((wave) => [wave(column), wave(column / 100)]);
        const at = (1 + row * side + column) * width;
        expectClose(values.slice(at, at + width), [...expected, ...more].flat(), 1e-6);
      }
  });

  it('that are fixed are a buffer under the same name', () => {
    using net = vitTi16({ ...small, positions: 'sincos' });
    expect(net.namedParameters().has('encoder.pos_embedding')).toBe(false);
    expect(numbers(net.namedBuffers().get('encoder.pos_embedding'))).toEqual(numbers(sinCosPositions(2, 64)));
    sum(net.forward(randn([2, 3, 8, 8], { seed: 1 }))).backward();
    expect(net.encoder.posEmbedding.grad).toBeNull();
  });

  it('of another size are interpolated as torch.nn.functional.interpolate does, bicubically', () => {
    // interpolate(torch.arange(9.).reshape(1, 1, 3, 3), size=(2, 4), mode='bicubic')
    const expected = [
      0.50244140625, 1.10400390625, 2.04443359375, 2.64599609375, 5.35400390625, 5.95556640625, 6.89599609375,
      7.49755859375,
    ];
    const positions = tensor(Float32Array.of(-1, 0, 1, 2, 3, 4, 5, 6, 7, 8), { shape: [1, 10, 1] });
    expectClose(numbers(positionsAt(positions, 2, 4)), [-1, ...expected], 1e-5);
    expect(positionsAt(positions, 3, 3)).toBe(positions);
  });

  it('let images of other sizes through, with gradients', () => {
    using net = vitTi16(small);
    const features = net.forward(randn([2, 3, 12, 4], { seed: 1 }));
    expect(features.shape).toEqual([2, 64]);
    sum(features.square()).backward();
    expect(net.encoder.posEmbedding.grad?.shape).toEqual([1, 5, 64]);
    expect(caught(() => noGrad(() => net.forward(zeros([2, 3, 10, 8]))))).toMatchObject({ code: 'ERR_SHAPE' });
  });
});
