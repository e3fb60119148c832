/** Parts of networks, under PyTorch's names: `nn.Module`, `nn.Conv2d`, `nn.init.kaimingNormal`. */
export {
  GELU,
  type GELUOptions,
  Hardsigmoid,
  Hardswish,
  Identity,
  LeakyReLU,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Tanh,
} from './activations.ts';
export { type AttentionOptions, MultiheadAttention, type MultiheadAttentionOptions } from './attention.ts';
export { ModuleList, Sequential } from './containers.ts';
export { Conv2d, type Conv2dOptions, type Pair } from './conv2d.ts';
export { Dropout } from './dropout.ts';
export * as init from './init.ts';
export { Linear, type WeightOptions } from './linear.ts';
export { type ForwardHook, Module, type ModuleConfig } from './module.ts';
export {
  type After,
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormOptions,
  GroupNorm,
  type GroupNormOptions,
  LayerNorm,
  LayerNorm2d,
  type LayerNormOptions,
} from './normalization.ts';
export { Parameter, type ParameterOptions } from './parameter.ts';
export {
  AdaptiveAvgPool2d,
  AvgPool2d,
  type AvgPool2dOptions,
  Flatten,
  type FlattenOptions,
  MaxPool2d,
  type MaxPool2dOptions,
} from './pooling.ts';
export { SqueezeExcitation, type SqueezeExcitationOptions } from './squeeze-excitation.ts';
export { StochasticDepth } from './stochastic-depth.ts';
