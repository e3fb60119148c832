/** Residual networks as nodes. What they are made of is told by the names and shapes of their parameters, torchvision's. */
import type { ModuleConfig } from '../models/module.ts';
import { convNorm, relu, type Target } from './layers.ts';
import { weightOf } from './module-graph.ts';

/** (batch, channels, height, width) → (batch, features), as native/models/resnet.cc. */
export function resnet(target: Target, { stem }: ModuleConfig, images: string): string {
  const { graph, weights, prefix } = target;
  const isImagenet = stem === 'imagenet';
  let y = relu(target, convNorm(target, images, { conv: 'conv1', norm: 'bn1', stride: isImagenet ? 2 : 1 }));
  if (isImagenet)
    y = graph.add('MaxPool', `${prefix}pool`, [y], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  for (const name of weights.keys()) {
    const block = /^(layer\d+\.\d+)\.conv1\.weight$/.exec(name)?.[1];
    if (block !== undefined) y = residualBlock(target, block, y);
  }
  const averaged = graph.add('GlobalAveragePool', `${prefix}average`, [y]);
  return graph.add('Flatten', `${prefix}features`, [averaged], { axis: 1 });
}

/** Two 3×3 convolutions, or 1×1 – 3×3 – 1×1, beside a shortcut. */
function residualBlock(target: Target, name: string, x: string): string {
  const { graph, weights, prefix } = target;
  const kernels: number[] = [];
  for (let i = 1; weights.has(`${name}.conv${i}.weight`); i++)
    kernels.push(weightOf(weights, `${name}.conv${i}.weight`).shape[2] as number);
  // Each stage but the first begins with a block of stride 2; it sits in the first 3×3 and in the shortcut.
  const stride = /^layer(?!1\.)\d+\.0$/.test(name) ? 2 : 1;
  const strided = kernels.indexOf(3);
  let y = x;
  for (const i of kernels.keys()) {
    const options = { conv: `${name}.conv${i + 1}`, norm: `${name}.bn${i + 1}`, stride: i === strided ? stride : 1 };
    y = convNorm(target, i === 0 ? y : relu(target, y), options);
  }
  const shortcut = weights.has(`${name}.downsample.0.weight`)
    ? convNorm(target, x, { conv: `${name}.downsample.0`, norm: `${name}.downsample.1`, stride })
    : x;
  return relu(target, graph.add('Add', `${prefix}${name}`, [y, shortcut]));
}
