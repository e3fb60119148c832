/** Residual networks without the classifier: images in, globally averaged features out. */
import { checkOptions, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { Module } from './module.ts';
import { registerEncoder, type Shapes } from './registry.ts';

export interface ResNetOptions {
  /**
   * 'imagenet' (default): 7×7, stride 2, then a max-pool of stride 2. 'cifar': 3×3, stride 1, no pool, for images of
   * about 32 pixels (SimCLR, appendix B.9).
   */
  readonly stem?: 'imagenet' | 'cifar';
  /** Channels of the first stage; each of the three later ones doubles them. Default 64, torchvision's. */
  readonly width?: number;
  /** Default 3. */
  readonly inChannels?: number;
  /** Starts the last normalisation of each block at 0, so that it begins as the identity (Goyal et al. 2017). Default false. */
  readonly zeroInitResidual?: boolean;
  /** Of the initial weights, default 0. Equal seeds give equal weights. */
  readonly seed?: number;
}

const known = ['stem', 'width', 'inChannels', 'zeroInitResidual', 'seed'] as const;

const expectWidth = (width: unknown = 64): number => expectNumber('width', width, { min: 1, max: 4096, integer: true });

function resnet(name: string, options: ResNetOptions): Module {
  checkOptions(name, options, known);
  return new Module({
    name,
    stem: expectOneOf('stem', options.stem ?? 'imagenet', ['imagenet', 'cifar']),
    width: expectWidth(options.width),
    inChannels: expectNumber('inChannels', options.inChannels ?? 3, { min: 1, max: 4096, integer: true }),
    zeroInitResidual: expectBoolean('zeroInitResidual', options.zeroInitResidual ?? false),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, integer: true }),
  });
}

/**
 * ResNet-18: (batch, inChannels, height, width) → (batch, 8 · width).
 *
 * Parameter and buffer names are torchvision's, without `fc`: its weights load here, and ours load there.
 * Convolutions start Kaiming-normal (fan-out), normalisation at 1 and 0.
 * Source: He et al. 2016, arXiv:1512.03385, in torchvision's form.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const encoder = resnet18({ stem: 'cifar', width: 16 });
 * const features = encoder.forward(images); // (batch, 128)
 */
export function resnet18(options: ResNetOptions = {}): Module {
  return resnet('resnet18', options);
}

/** ResNet-34, features 8 · width. As resnet18. */
export function resnet34(options: ResNetOptions = {}): Module {
  return resnet('resnet34', options);
}

/** ResNet-50: bottleneck blocks with the stride in the 3×3 convolution, features 32 · width. As resnet18. */
export function resnet50(options: ResNetOptions = {}): Module {
  return resnet('resnet50', options);
}

/** ResNet-101, features 32 · width. As resnet50. */
export function resnet101(options: ResNetOptions = {}): Module {
  return resnet('resnet101', options);
}

/** ResNet-152, features 32 · width. As resnet50. */
export function resnet152(options: ResNetOptions = {}): Module {
  return resnet('resnet152', options);
}

/** From the two smallest networks: every size of a ResNet's tensors is linear in its width. */
function resnetShapes(name: string, options: ResNetOptions): Shapes {
  const width = expectWidth(options.width);
  using one = resnet(name, { ...options, width: 1 });
  using two = resnet(name, { ...options, width: 2 });
  const wider = two.stateDict();
  const extrapolate = (at: number, atTwo: number): number => at + (atTwo - at) * (width - 1);
  return new Map(
    [...one.stateDict()]
      .filter(([, { shape }]) => shape.length > 0) // num_batches_tracked may be missing in a file
      .map(([key, { shape }]) => [key, shape.map((size, i) => extrapolate(size, wider.get(key)?.shape[i] as number))]),
  );
}

for (const make of [resnet18, resnet34, resnet50, resnet101, resnet152])
  registerEncoder(make.name, make, (options) => resnetShapes(make.name, options));
