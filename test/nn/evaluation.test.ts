import { describe, expect, it } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { Sequential } from '../../lib/nn/containers.ts';
import { Dropout } from '../../lib/nn/dropout.ts';
import { inEvaluation } from '../../lib/nn/evaluation.ts';
import type { Module } from '../../lib/nn/module.ts';

const modesOf = (module: Module) => [...module.namedModules().values()].map(({ training }) => training);

describe('inEvaluation', () => {
  it('gives what the function gives, and each part its own mode afterwards', () => {
    using encoder = resnet18({ stem: 'cifar', width: 2 });
    encoder.bn1.eval();
    const before = modesOf(encoder);
    expect(inEvaluation([encoder], () => modesOf(encoder))).toEqual(before.map(() => false));
    expect(modesOf(encoder)).toEqual(before);
    const boom = () => {
      throw new RangeError('boom');
    };
    expect(() => inEvaluation([encoder], boom)).toThrow(RangeError);
    expect(modesOf(encoder)).toEqual(before);
  });

  it('ends with the last of several calls that overlap', async () => {
    const whole = new Sequential([new Dropout(), new Dropout()]);
    const part = whole[1] as Dropout;
    let reject = (_error: Error): void => {};
    const pending = new Promise<void>((_resolve, rejectIt) => {
      reject = rejectIt;
    });
    const first = inEvaluation([whole, part], async () => 'first');
    const second = inEvaluation([part], () => pending);
    expect(modesOf(whole)).toEqual([false, false, false]);
    expect(await first).toBe('first');
    expect(modesOf(whole)).toEqual([true, true, false]);
    reject(new Error('boom'));
    await expect(second).rejects.toThrow('boom');
    expect(modesOf(whole)).toEqual([true, true, true]);
  });

  it('ends in the mode that train() or eval() gave meanwhile', () => {
    const dropout = new Dropout();
    inEvaluation([dropout], () => {
      dropout.eval();
    });
    expect(dropout.training).toBe(false);
    inEvaluation([dropout], () => {
      dropout.train();
      expect(dropout.training).toBe(false);
    });
    expect(dropout.training).toBe(true);
  });
});
