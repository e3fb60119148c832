/** The classifier as a node. */
import type { ModuleConfig } from '../models/module.ts';
import type { Target } from './layers.ts';
import { weightOf } from './module-graph.ts';

/** (batch, inFeatures) → logits (batch, outFeatures), as native/models/linear_head.cc. */
export function linearHead({ graph, weights, prefix }: Target, _config: ModuleConfig, features: string): string {
  const parts = ['weight', 'bias'].map((name) => graph.constant(`${prefix}${name}`, weightOf(weights, name)));
  return graph.add('Gemm', `${prefix}linear`, [features, ...parts], { transB: 1 });
}
