import { describe, expect, it } from 'vitest';
import { checkRunConfig, type RunConfig } from '../../lib/checkpoint/run-config.ts';
import { CheckpointError } from '../../lib/errors.ts';

const config: RunConfig = {
  format: 1,
  encoder: { name: 'resnet50', stem: 'imagenet', width: 64, inChannels: 3, zeroInitResidual: true },
  head: null,
  method: { name: 'supcon' },
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

  it('leaves the options of an encoder to who makes it, and takes an untrained run', () => {
    const value = { ...config, encoder: { name: 'mine', depth: 3 }, epochs: 0 };
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
    [/head must be an object or null/, { ...config, head: 'mlp' }],
    [/method must be an object/, { ...config, method: [] }],
    [/method\.name must be a non-empty string/, { ...config, method: {} }],
    [/augment must be an array of objects/, { ...config, augment: [1] }],
    [/input must be an object, got undefined/, { ...config, input: undefined }],
    [/input\.size must be/, { ...config, input: { ...input, size: 1.5 } }],
    [/input\.size must be an integer from 1 to 2048, got 8000/, { ...config, input: { ...input, size: 8000 } }],
    [/input\.channels must be/, { ...config, input: { ...input, channels: -1 } }],
    [/input\.mean must be an array of numbers/, { ...config, input: { ...input, mean: [null] } }],
    [/input\.std must be an array of numbers/, { ...config, input: { ...input, std: [] } }],
    [/input\.mean and input\.std must have 3 numbers/, { ...config, input: { ...input, mean: [0.5] } }],
    [/input\.std must be .* from 0\.0001 to 1000/, { ...config, input: { ...input, std: [1, 1, 0] } }],
    [/input\.std must be/, { ...config, input: { ...input, std: [1, 1, 5e-324] } }],
    [/input\.mean must be .* from -1000 to 1000/, { ...config, input: { ...input, mean: [0, 0, 1e38] } }],
    [
      /format must be 1, got an object of type Object/,
      { ...config, format: { toString: 1, constructor: { name: 1 } } },
    ],
    [/dataset must be an object with samples/, { ...config, dataset: { length: 3 } }],
    [/optimizer must be an object/, { ...config, optimizer: null }],
    [/schedule must be an object/, { ...config, schedule: 1 }],
    [/batchSize must be/, { ...config, batchSize: 0 }],
    [/microBatch must be an integer >= 1, or absent/, { ...config, microBatch: 0 }],
    [/accumulate must be an integer >= 1, or absent/, { ...config, accumulate: '2' }],
    [/ema must be an object, or absent/, { ...config, ema: 0.99 }],
    [/preset must be an object, or absent/, { ...config, preset: 'simclr' }],
    [/gather must be true or false, or absent/, { ...config, gather: 1 }],
    [/epochs must be an integer >= 0/, { ...config, epochs: -1 }],
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
