/** What a training's options make of an encoder's. */
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../lib/cli/options.ts';
import { recipeOf } from '../../lib/cli/recipe.ts';
import { type TrainOptions, trainOptions } from '../../lib/cli/train-options.ts';
import { encoderNames, makeEncoder } from '../../lib/encoders/all.ts';
import { zeros } from '../../lib/tensor/ops.ts';

function encoderOf(size: number, ...args: string[]) {
  const { options } = parseOptions(['--data', 'cifar10:/data', ...args], trainOptions, { where: 'train' });
  return recipeOf(options as unknown as TrainOptions, { size, mean: 0.5, std: 0.25 }).encoder;
}

describe('the encoder of a recipe', () => {
  it.each([
    ['resnet18', 64, { stem: 'cifar' }],
    ['mobilenet-v3-large', 96, { stem: 'imagenet' }],
    ['convnext-t', 64, { patch: 2 }],
    ['convnext-t', 224, { patch: 4 }],
    ['vit-s-16', 28, { size: 28, patch: 4 }],
    ['vit-s-16', 64, { size: 64, patch: 8 }],
    ['vit-s-16', 224, { size: 224, patch: 16 }],
  ])('%s goes with images of %i pixels', (name, size, expected) => {
    expect(encoderOf(size, '--encoder', name)).toEqual({ name, ...expected, inChannels: 3, seed: 0 });
  });

  it('takes what was typed', () => {
    expect(encoderOf(32, '--encoder', 'vit-ti-16', '--patch', '8', '--width', '64')).toMatchObject({
      patch: 8,
      width: 64,
    });
  });

  it('refuses a flag that the encoder does not have, and says which it has', () => {
    const refused = (...args: string[]) => {
      try {
        encoderOf(32, ...args);
      } catch (error) {
        return error;
      }
    };
    expect(refused('--encoder', 'resnet18', '--patch', '4')).toMatchObject({
      code: 'ERR_OPTION',
      message: '--patch is no option of resnet18, which has --stem, --width',
    });
    expect(refused('--encoder', 'mobilenet-v3-large', '--width', '8')).toMatchObject({ code: 'ERR_OPTION' });
    expect(refused('--encoder', './net.ts', '--width', '8')).toMatchObject({ code: 'ERR_OPTION' });
  });

  it.each(encoderNames().filter((name) => !/34|101|152|50|-b-16|-s/.test(name)))(
    '%s takes images of 28 pixels',
    (name) => {
      using encoder = makeEncoder(encoderOf(28, '--encoder', name) as { name: string });
      expect(encoder.eval().forward(zeros([2, 3, 28, 28])).shape).toEqual([2, encoder.featureDim]);
    },
  );
});
