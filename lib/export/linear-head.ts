/** The classifier as a node. */
import type { ModuleConfig } from '../nn/module.ts';
import { weightOf } from './graph.ts';
import type { Target } from './layers.ts';

/** (batch, inFeatures) → logits (batch, outFeatures), as lib/encoders/linear-head.ts. */
export function linearHead({ graph, weights, prefix }: Target, _config: ModuleConfig, features: string): string {
  const parts = ['weight', 'bias'].map((name) => graph.constant(`${prefix}${name}`, weightOf(weights, name)));
  return graph.add('Gemm', `${prefix}linear`, [features, ...parts], { transB: 1 });
}
