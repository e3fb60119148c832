/** Contrastive representation learning on images. */
export * from './errors.ts';
export {
  createEmbedder,
  Embedder,
  type EmbedderInfo,
  type EmbedderOptions,
  type EmbedOptions,
} from './serve/embedder.ts';
export type { ImageInput, RawImage } from './serve/image-input.ts';
export { autocast, enableGrad, isGradEnabled, noGrad, tidy } from './tensor/modes.ts';
export * as ops from './tensor/ops.ts';
export { devices, memory, setThreads, sync } from './tensor/runtime.ts';
export { type DType, type NestedArray, Tensor, type TensorOptions, type TypedArray, tensor } from './tensor/tensor.ts';
