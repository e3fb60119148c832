/** How the libraries of a GPU compute: once a process, as in PyTorch. */
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';

export const backendOptions = {
  /**
   * Of float32 matrix products: 'highest' (default), or 'high', where they may be computed in TF32, with 10 bits of mantissa. As
   * torch.set_float32_matmul_precision. Convolutions on a GPU take TF32 in either, as PyTorch's do: NVIDIA_TF32_OVERRIDE=0 in the
   * environment is what keeps them from it.
   */
  matmulPrecision: {
    type: 'string',
    choices: ['highest', 'high'],
    help: 'of float32 matrix products on a GPU: highest, or high, where they may take TF32 (10 bits of mantissa), as convolutions do in any case',
    usual: 'highest',
  },
  /**
   * Whether cuDNN tries its algorithms at the first convolution of each shape, and takes the fastest: worth it where shapes stay the
   * same. As torch.backends.cudnn.benchmark. Default: while a trainer is at work, unless cudnnDeterministic is on, since the fastest
   * may be another one each time. Of several workers, the last to set it decides.
   */
  cudnnBenchmark: { type: 'boolean' },
  /** Whether cuDNN takes such algorithms only as give the same bits each time. As torch.backends.cudnn.deterministic. Default false. */
  cudnnDeterministic: { type: 'boolean', help: 'convolutions on a GPU give the same bits each time, slower' },
} as const satisfies OptionTable;

export interface BackendOptions extends OptionsOf<typeof backendOptions> {}

/** cudnnBenchmark as setBackends() was told; undefined: it was not, and is on while trainers are at work. */
let chosenBenchmark: boolean | undefined;
let isDeterministic = false;
/** Trainers on CUDA. */
let atWork = 0;

/** What was last wanted here. */
let lastBenchmark = false;

const set = ({ matmulPrecision, cudnnDeterministic }: Omit<BackendOptions, 'cudnnBenchmark'>): void => {
  const wanted = chosenBenchmark ?? (atWork > 0 && !isDeterministic);
  // Where nobody chose and nothing changes, it is left as it is: another worker may have set it.
  const isSet = chosenBenchmark !== undefined || wanted !== lastBenchmark;
  guard(() => loadAddon().setBackends(matmulPrecision, isSet ? wanted : undefined, cudnnDeterministic));
  lastBenchmark = wanted;
};

/**
 * Sets what is given, in this process: for a training's operations, those that are enqueued from here on. An embedder's passes, which
 * do not wait for a training's, may see it earlier or later.
 * @throws {OptionError} an unknown or wrong option.
 */
export function setBackends(options: BackendOptions): void {
  const resolved = resolveOptions('setBackends', backendOptions, options);
  chosenBenchmark = resolved.cudnnBenchmark ?? chosenBenchmark;
  isDeterministic = resolved.cudnnDeterministic ?? isDeterministic;
  set(resolved);
}

/** @internal For work on batches of one size on `device`: cuDNN looks for the fastest algorithms until all of it is disposed. */
export function withBenchmark(device: string): Disposable {
  if (!device.startsWith('cuda')) return { [Symbol.dispose]: () => {} };
  if (++atWork === 1) set({});
  const end = (): void => {
    if (--atWork === 0) set({});
  };
  return { [Symbol.dispose]: end };
}
