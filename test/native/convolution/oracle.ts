/** A convolution as plain loops over whole numbers, and its gradients: exact, whatever the order of the sums. */

export interface Geometry {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
  /** Side of the square images; padding is kernel / 2, rounded down. */
  readonly size: number;
  readonly batch: number;
}

/** Values in row-major order: (batch, channels, height, width) and (out, in / groups, kernel, kernel). */
export interface Convolution {
  readonly output: Int32Array;
  readonly inputGradient: Int32Array;
  readonly weightGradient: Int32Array;
}

export const outputSize = ({ size, kernel, stride }: Geometry): number =>
  Math.floor((size + 2 * Math.floor(kernel / 2) - kernel) / stride) + 1;

/** Small whole numbers, so that sums are exact in float32 and factors are exact in bfloat16. */
export function fill(length: number, seed: number): Int32Array {
  let state = seed >>> 0;
  return Int32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 5) - 2;
  });
}

/** The output, and the gradients of Σ output · gradient. */
export function convolve(geometry: Geometry, input: Int32Array, weight: Int32Array, gradient: Int32Array): Convolution {
  const { inChannels, outChannels, kernel, stride, groups, size, batch } = geometry;
  const padding = Math.floor(kernel / 2);
  const out = outputSize(geometry);
  const [inGroup, outGroup] = [inChannels / groups, outChannels / groups];
  const output = new Int32Array(batch * outChannels * out * out);
  const inputGradient = new Int32Array(input.length);
  const weightGradient = new Int32Array(weight.length);
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outChannels; o++) {
      const toOutput = (n * outChannels + o) * out * out;
      for (let i = 0; i < inGroup; i++) {
        const toInput = (n * inChannels + Math.floor(o / outGroup) * inGroup + i) * size * size;
        for (let ky = 0; ky < kernel; ky++)
          for (let kx = 0; kx < kernel; kx++) {
            const at = ((o * inGroup + i) * kernel + ky) * kernel + kx;
            const w = weight[at] as number;
            let sum = 0;
            for (let y = 0; y < out; y++) {
              const inY = y * stride + ky - padding;
              if (inY < 0 || inY >= size) continue;
              for (let x = 0; x < out; x++) {
                const inX = x * stride + kx - padding;
                if (inX < 0 || inX >= size) continue;
                const from = toInput + inY * size + inX;
                const to = toOutput + y * out + x;
                const g = gradient[to] as number;
                output[to] = (output[to] as number) + w * (input[from] as number);
                inputGradient[from] = (inputGradient[from] as number) + w * g;
                sum += (input[from] as number) * g;
              }
            }
            weightGradient[at] = (weightGradient[at] as number) + sum;
          }
      }
    }
  return { output, inputGradient, weightGradient };
}
