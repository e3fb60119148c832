/** Weights are a function of the seed for good: runs, and results that people quote, are made again from it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type LinearHeadOptions, linearHead } from '../../lib/encoders/linear-head.ts';
import { type ProjectionHeadOptions, projectionHead } from '../../lib/encoders/projection-head.ts';
import { type Encoder, makeEncoder } from '../../lib/encoders/registry.ts';
import '../../lib/encoders/resnet.ts';
import type { ModuleConfig } from '../../lib/nn/module.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { randn } from '../../lib/tensor/ops.ts';

interface Case {
  readonly config: ModuleConfig;
  readonly input: readonly number[];
  /** SHA-256 of the names and bytes of all parameters. */
  readonly weights: string;
  /** The first eight, in evaluation mode. */
  readonly features: readonly number[];
}

const fixture = new URL('../fixtures/encoders/initial-weights.json', import.meta.url);
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as Case[];

function make({ name, ...options }: ModuleConfig): Encoder {
  if (name === 'projection-head') return projectionHead(options as unknown as ProjectionHeadOptions);
  if (name === 'linear') return linearHead(options as unknown as LinearHeadOptions);
  return makeEncoder({ name, ...options });
}

it.each(cases.map((each) => [JSON.stringify(each.config), each] as const))(
  '%s',
  (_, { config, input, ...expected }) => {
    using net = make(config).eval();
    const hash = createHash('sha256');
    for (const [name, value] of net.namedParameters()) {
      const { buffer, byteOffset, byteLength } = value.dataSync();
      hash.update(name).update(new Uint8Array(buffer, byteOffset, byteLength));
    }
    expect(hash.digest('hex')).toBe(expected.weights);
    const features = noGrad(() => net.forward(randn(input, { seed: 1 }))).dataSync();
    for (const [i, value] of expected.features.entries())
      expect(Math.abs((features[i] as number) - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
  },
);
