import { describe, expect, it } from 'vitest';
import { flag } from '../../lib/cli/flag.ts';
import { flagsOf, flagsOfVariants, optionsFrom, refuseOthers } from '../../lib/cli/flags.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import type { OptionTable } from '../../lib/options/option.ts';

const temperature = { type: 'ramp', default: 0.1, above: 0, value: 'T', help: 'of the loss' } as const;

const variants = {
  dcl: { temperature },
  dclw: {
    temperature,
    sigma: { type: 'number', default: 0.5, above: 0, help: 'width of the weights' },
    weightGradient: { type: 'boolean', default: false, help: 'differentiate them' },
    normalize: { type: 'boolean', default: true, help: 'length one' },
    block: { type: 'number', min: 1 },
    check: { type: 'checked', check: (_: string, value: unknown) => value, help: 'of no flag' },
  },
  supcon: {
    temperature: { ...temperature, default: 0.07 },
    variant: { type: 'string', choices: ['out', 'in'], default: 'out', help: 'where the mean stands' },
    hardNegatives: {
      type: 'group',
      options: { concentration: { type: 'number', default: 1, min: 0, value: 'BETA', help: 'of near ones' } },
    },
  },
} as const satisfies Readonly<Record<string, OptionTable>>;

const parse = (words: string) =>
  parseOptions(words.split(' ').filter(Boolean), flagsOfVariants(variants), { where: 'train' });

describe('flags', () => {
  it('are the numbers, words and switches with a line of help, without their defaults', () => {
    const range = { type: 'number', above: 0 } as const;
    expect(flagsOf(variants.dclw)).toEqual({
      temperature: { ...range, value: 'T', help: 'of the loss; default 0.1' },
      temperatureEnd: {
        ...range,
        value: 'T',
        help: 'that it reaches at the end, along half a cosine; default the same',
      },
      sigma: { ...range, value: 'N', help: 'width of the weights; default 0.5' },
      weightGradient: { type: 'boolean', help: 'differentiate them' },
    });
    expect(flagsOf(variants.supcon)).toMatchObject({
      variant: { type: 'string', choices: ['out', 'in'], value: 'NAME' },
      hardNegativesConcentration: { type: 'number', min: 0, value: 'BETA', help: 'of near ones' },
    });
  });

  it('of several variants say whose they are', () => {
    const { temperature, temperatureEnd, sigma } = flagsOfVariants(variants);
    expect(temperature?.help).toBe('of the loss; default 0.1 of dcl, dclw; 0.07 of supcon');
    expect(temperatureEnd?.help).toBe('that it reaches at the end, along half a cosine; default the same');
    expect(sigma?.help).toBe('of dclw: width of the weights; default 0.5');
  });

  it('of a ramp say where it ends', () => {
    const rising = { ...temperature, default: { from: 0.1, to: 1, schedule: 'cosine' } } as const;
    const { temperatureEnd } = flagsOfVariants({ dcl: { temperature }, byol: { temperature: rising } });
    expect(temperatureEnd?.help).toBe(
      'that it reaches at the end, along half a cosine; default the same of dcl; 1 of byol',
    );
  });

  it('of two meanings say both', () => {
    const width = { type: 'number', help: 'channels', default: 64 } as const;
    const { width: flag } = flagsOfVariants({
      resnet: { width },
      vit: { width: { ...width, help: 'of a token' } },
      toy: {},
    });
    expect(flag?.help).toBe('of resnet: channels; of vit: of a token; default 64');
  });

  it('become options, of which only those that were typed are there', () => {
    expect(optionsFrom(parse('').options, variants.dclw)).toEqual({});
    const { options } = parse('--temperature 0.2 --sigma 1 --weight-gradient --hard-negatives-concentration 2');
    expect(optionsFrom(options, variants.dclw)).toEqual({ temperature: 0.2, sigma: 1, weightGradient: true });
    expect(optionsFrom(options, variants.supcon)).toEqual({ temperature: 0.2, hardNegatives: { concentration: 2 } });
    expect(optionsFrom(parse('--temperature-end 1').options, variants.supcon)).toEqual({
      temperature: { from: 0.07, to: 1, schedule: 'cosine' },
    });
  });

  it('of a ramp change what was typed of it, of a default too', () => {
    const momentum = { ...temperature, default: { from: 0.99, to: 1, schedule: 'cosine' } } as const;
    const given = (typed: object, base?: object) => optionsFrom({ ...typed }, { momentum }, { ...base });
    expect(given({})).toEqual({});
    expect(given({ momentum: 0.9 })).toEqual({ momentum: { from: 0.9, to: 1, schedule: 'cosine' } });
    expect(given({ momentumEnd: 0.999 })).toEqual({ momentum: { from: 0.99, to: 0.999, schedule: 'cosine' } });
    expect(given({ momentum: 0.9 }, { momentum: 0.5 })).toEqual({ momentum: 0.9 });
    expect(given({ momentum: 0.9, momentumEnd: 0.9 })).toEqual({ momentum: 0.9 });
  });

  it('of another variant are refused', () => {
    const { given } = parse('--temperature 0.2 --sigma 1');
    expect(() => refuseOthers(given, variants, 'dclw', 'loss')).not.toThrow();
    expect(() => refuseOthers(given, variants, 'dcl', 'loss')).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: '--sigma belongs to --loss dclw, got --loss dcl' }),
    );
  });

  it('of a function: that of an option which is true by default makes it false', () => {
    const fold = { type: 'boolean', default: true, help: 'fold', off: 'do not fold' } as const;
    const table = { noFold: flag(fold) };
    const parsed = (words: string[]) => parseOptions(words, table, { where: 'export' }).options;
    expect(table.noFold).toEqual({ type: 'boolean', help: 'do not fold' });
    expect([parsed([]).noFold, parsed(['--no-fold']).noFold]).toEqual([false, true]);
  });
});
