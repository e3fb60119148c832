/** What a training's options make of an encoder's. */
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../lib/cli/options.ts';
import { specOf } from '../../lib/cli/train-config.ts';
import { partFlags, type TrainOptions, trainOptions } from '../../lib/cli/train-options.ts';
import { usualPreset } from '../../lib/cli/training-spec.ts';
import { encoderNames, makeEncoder } from '../../lib/encoders/all.ts';
import { zeros } from '../../lib/tensor/ops.ts';

async function encoderOf(size: number, ...args: string[]) {
  const table = { ...trainOptions, ...(await partFlags(args)) };
  const { options, given } = parseOptions(['--data', 'cifar10:/data', ...args], table, { where: 'train' });
  return specOf(options as unknown as TrainOptions, given, { size, mean: 0.5, std: 0.25 }, undefined).encoder;
}

it.each([
  ['simclr', 'simclr'],
  ['simsiam', 'mocoV2'],
  ['barlow-twins', 'byol'],
  ['vicreg', 'byol'],
])('large images have the views of %s, small ones those for CIFAR', (method, preset) => {
  expect([usualPreset(method, 224), usualPreset(method, 64)]).toEqual([preset, 'supcon']);
});

describe('the encoder of a recipe', () => {
  it.each([
    ['resnet18', 64, { stem: 'cifar' }],
    ['mobilenet-v3-large', 96, { stem: 'imagenet' }],
    ['convnext-t', 64, { patch: 2 }],
    ['convnext-t', 224, { patch: 4 }],
    ['vit-s-16', 28, { size: 28, patch: 4 }],
    ['vit-s-16', 64, { size: 64, patch: 8 }],
    ['vit-s-16', 224, { size: 224, patch: 16 }],
  ])('%s goes with images of %i pixels', async (name, size, expected) => {
    expect(await encoderOf(size, '--encoder', name)).toEqual({ name, ...expected, inChannels: 3, seed: 0 });
  });

  it('has defaults that the help tells', async () => {
    const { stem, patch, width, stochasticDepth } = await partFlags([]);
    expect(stem?.help).toContain('; default cifar for images of 32 pixels, imagenet for 224');
    expect(patch?.help).toMatch(
      /; default 4 for images of 32 pixels, 16 for 224 of vit.*; 2 for .* 4 for 224 of convnext/,
    );
    expect(width?.help).toMatch(/vit-b-16: length of its tokens.*; 192 of vit-ti-16; 384 of vit-s-16;/);
    expect(stochasticDepth?.help).toContain('0.1 of convnext-t; 0.4 of convnext-s; 0.2 of efficientnet-b0');
  });

  it('takes what was typed', async () => {
    expect(await encoderOf(32, '--encoder', 'vit-ti-16', '--patch', '8', '--width', '64')).toMatchObject({
      patch: 8,
      width: 64,
    });
  });

  it('refuses a flag of other encoders, and says whose it is', async () => {
    await expect(encoderOf(32, '--encoder', 'resnet18', '--patch', '4')).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/^--patch belongs to --encoder .*vit-s-16.*, got --encoder resnet18$/),
    });
    await expect(encoderOf(32, '--encoder', 'mobilenet-v3-large', '--width', '8')).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
    await expect(encoderOf(32, '--encoder', './net.ts', '--width', '8')).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it.each(encoderNames().filter((name) => !/34|101|152|50|-b-16|-s/.test(name)))(
    '%s takes images of 28 pixels',
    async (name) => {
      using encoder = makeEncoder((await encoderOf(28, '--encoder', name)) as { name: string });
      expect(encoder.eval().forward(zeros([2, 3, 28, 28])).shape).toEqual([2, encoder.featureDim]);
    },
  );
});
