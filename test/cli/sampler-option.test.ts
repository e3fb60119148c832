import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { figureTexts, monitorsOf } from '../../lib/cli/monitor-option.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import { checkSamplerFlags, samplerChoices, samplerConfig, samplerFlags } from '../../lib/cli/sampler-option.ts';

const parse = (words: string) => parseOptions(words.split(' ').filter(Boolean), samplerFlags, { where: 'train' });
const configOf = (words: string) => samplerConfig(parse(words).options);

describe('--sampler', () => {
  it('has a flag for each option that a command line can say', () => {
    expect(Object.keys(samplerFlags)).toEqual([
      'sampler',
      'samplerClasses',
      'samplerPerClass',
      'samplerFile',
      'samplerNeighbours',
    ]);
    expect(samplerFlags.samplerPerClass).toMatchObject({ type: 'number', min: 1, integer: true, value: 'K' });
  });

  it('becomes the sampler of a config, and back', () => {
    const lists = [
      ['--sampler class-balanced --sampler-classes 8 --sampler-per-class 16', { classes: 8, perClass: 16 }],
      ['--sampler weighted', {}],
      ['--sampler distinct', {}],
      [
        '--sampler hard-negatives --sampler-file a.npy --sampler-neighbours 3',
        { file: resolve('a.npy'), neighbours: 3 },
      ],
    ] as const;
    for (const [words, options] of lists) {
      const config = configOf(words);
      expect(config).toEqual({ name: words.split(' ')[1], ...options });
      expect(samplerConfig(samplerChoices(config))).toEqual(config);
    }
    expect(configOf('')).toBeUndefined();
    expect(samplerChoices(undefined)).toEqual({});
    expect(samplerChoices({ name: 'custom' })).toEqual({});
    expect(samplerChoices({ name: 'hard-negatives', sha256: 'ab' })).toEqual({ sampler: 'hard-negatives' });
  });

  it('refuses flags of another sampler, or of none, and a sampler without what it needs', () => {
    const check = (words: string) => () => {
      const { options, given } = parse(words);
      checkSamplerFlags(options as never, given);
    };
    expect(check('--sampler-classes 2')).toThrow(/--sampler-classes needs --sampler/);
    expect(check('--sampler weighted --sampler-classes 2')).toThrow(
      /--sampler-classes belongs to --sampler class-balanced, got --sampler weighted/,
    );
    expect(check('--sampler class-balanced --sampler-classes 2')).toThrow(
      /--sampler class-balanced needs --sampler-per-class/,
    );
    check('--sampler class-balanced --sampler-classes 2 --sampler-per-class 4')();
    check('')();
  });
});

describe('--monitors', () => {
  it('names them, all or none', () => {
    expect(monitorsOf('none')).toEqual([]);
    expect(monitorsOf('probe, rank')).toHaveLength(2);
    expect(monitorsOf('all')).toHaveLength(4);
    expect(() => monitorsOf('prob')).toThrow(/--monitors must be one of .*did you mean 'probe'/);
    expect(() => monitorsOf('probe,probe')).toThrow(/each once/);
  });

  it('are shown by what they say', () => {
    expect(figureTexts({ probeTop1: 0.612, rankMe: 23.14, featureUniformity: -2, knnTop1: 0.5 })).toEqual([
      'probe 61.2%',
      'rank 23.1',
    ]);
    expect(figureTexts({ queueKnnTop1: 0.5, featureSpread: 0.876 })).toEqual(['queue kNN 50.0%', 'spread 0.88']);
    expect(figureTexts({})).toEqual([]);
  });
});
