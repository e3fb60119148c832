import { describe, expect, it } from 'vitest';
import { checkRunConfig, type RunConfig } from '../../lib/checkpoint/run-config.ts';
import { CheckpointError } from '../../lib/errors.ts';

const config: RunConfig = {
  format: 1,
  encoder: { name: 'resnet50', stem: 'imagenet', width: 64, inChannels: 3, zeroInitResidual: true },
  head: null,
  loss: {},
  augment: [],
  input: { size: 224, channels: 3, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  optimizer: {},
  schedule: {},
  batchSize: 1,
  epochs: 1,
  seed: 0,
  precision: 'float32',
  data: { name: 'folder', path: '/photos', limit: 10 },
};

describe('checkRunConfig', () => {
  it('accepts a config and fields that it does not know', () => {
    const value = { ...config, more: [1] };
    expect(checkRunConfig(value, 'config.json')).toBe(value);
  });

  const { encoder, input, data } = config;
  it.each<[RegExp, unknown]>([
    [/expected a JSON object, got null/, null],
    [/expected a JSON object, got an array of 0/, []],
    [/format must be 1, got 2/, { ...config, format: 2 }],
    [/format must be 1, got undefined/, {}],
    [/encoder must be an object, got 'resnet18'/, { ...config, encoder: 'resnet18' }],
    [/encoder\.name must be/, { ...config, encoder: { ...encoder, name: '' } }],
    [/encoder\.stem must be 'imagenet' or 'cifar', got 'tiny'/, { ...config, encoder: { ...encoder, stem: 'tiny' } }],
    [/encoder\.width must be an integer >= 1, got 0/, { ...config, encoder: { ...encoder, width: 0 } }],
    [/encoder\.inChannels must be/, { ...config, encoder: { ...encoder, inChannels: '3' } }],
    [/encoder\.zeroInitResidual must be/, { ...config, encoder: { ...encoder, zeroInitResidual: 0 } }],
    [/head must be an object or null/, { ...config, head: 'mlp' }],
    [/loss must be an object/, { ...config, loss: [] }],
    [/augment must be an array of objects/, { ...config, augment: [1] }],
    [/input must be an object, got undefined/, { ...config, input: undefined }],
    [/input\.size must be/, { ...config, input: { ...input, size: 1.5 } }],
    [/input\.channels must be/, { ...config, input: { ...input, channels: -1 } }],
    [/input\.mean must be an array of numbers/, { ...config, input: { ...input, mean: [null] } }],
    [/input\.std must be an array of numbers/, { ...config, input: { ...input, std: [] } }],
    [/input\.mean and input\.std must have 3 numbers/, { ...config, input: { ...input, mean: [0.5] } }],
    [/std above 0/, { ...config, input: { ...input, std: [1, 1, 0] } }],
    [/optimizer must be an object/, { ...config, optimizer: null }],
    [/schedule must be an object/, { ...config, schedule: 1 }],
    [/batchSize must be/, { ...config, batchSize: 0 }],
    [/epochs must be/, { ...config, epochs: 0 }],
    [/seed must be/, { ...config, seed: -1 }],
    [/precision must be/, { ...config, precision: null }],
    [/data must be an object/, { ...config, data: null }],
    [/data\.name must be/, { ...config, data: { ...data, name: undefined } }],
    [/data\.path must be a string or null/, { ...config, data: { ...data, path: 3 } }],
    [/data\.limit must be an integer >= 1 or null/, { ...config, data: { ...data, limit: 0 } }],
  ])('says %s', (message, value) => {
    expect(() => checkRunConfig(value, 'run/config.json')).toThrow(CheckpointError);
    expect(() => checkRunConfig(value, 'run/config.json')).toThrow(message);
    expect(() => checkRunConfig(value, 'run/config.json')).toThrow(/^run\/config\.json: /);
  });
});
