/** Projection heads as nodes: the layers of an nn.Sequential, told by the names and shapes of their parameters. */
import type { ModuleConfig } from '../nn/module.ts';
import { l2Normalize, linear, relu, type Target } from './layers.ts';

/** (batch, inFeatures) → (batch, outFeatures), as lib/encoders/projection-head.ts. */
export function projectionHead(target: Target, { normalize }: ModuleConfig, features: string): string {
  const { graph, weights, prefix } = target;
  const layers = [...weights].flatMap(([name, { shape }]) => (shape.length === 2 ? [Number.parseInt(name, 10)] : []));
  let y = features;
  for (const [i, layer] of layers.entries()) {
    const norm = weights.has(`${layer + 1}.running_mean`) ? String(layer + 1) : undefined;
    y = linear(target, i === 0 ? y : relu(target, y), String(layer), norm);
  }
  return normalize === true ? l2Normalize(graph, y, `${prefix}normalized`) : y;
}
