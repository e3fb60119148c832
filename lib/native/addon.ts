/**
 * The typed interface of the addon, and its loading at the first native call: the loader `.node` opens libtorch and the
 * core by absolute path. Importing this file loads nothing.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { LibtorchError, messageOf } from '../errors.ts';
import { addonPath, coreBeside, cudaBeside } from './addon-path.ts';
import { nativeError } from './errors.ts';
import { followProgress } from './jobs.ts';
import { findLibtorch, isCudaBuild, type Libtorch, preloadList, refuseInterface, refuseVersion } from './libtorch.ts';

declare const brand: unique symbol;
/** An opaque native object; the addon checks its kind at every use. */
export type NativeHandle<Kind extends string> = object & { readonly [brand]: Kind };
export type TensorHandle = NativeHandle<'tensor'>;
export type CallableReference = NativeHandle<'callable'>;
export type RecorderHandle = NativeHandle<'recorder'>;
export type GraphState = 'warming up' | 'captured' | 'not possible';
export type RecordingHandle = NativeHandle<'recording'>;
export type AbortFlagHandle = NativeHandle<'abort flag'>;
export type GeneratorHandle = NativeHandle<'generator'>;
export type PipelineHandle = NativeHandle<'pipeline'>;

export type DType = 'float32' | 'float64' | 'bfloat16' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';
export type TypedArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

export interface AddonInfo {
  /** The version of the libtorch that is loaded. */
  readonly torchVersion: string;
  readonly compiledAgainst: string;
  /** The widest instruction set that libtorch's kernels use: 'DEFAULT', 'AVX2', 'AVX512'. */
  readonly cpuCapability: string;
  /** Whether the CPU computes in bfloat16 by itself (AVX-512 BF16, AMX, Arm's BF16); elsewhere it is emulated. */
  readonly bfloat16: boolean;
  readonly devices: readonly string[];
  /** The size of the compute thread's OpenMP team. */
  readonly threads: number;
  /** Whether the package's own kernels run on that team too: they are compiled with OpenMP. */
  readonly parallelKernels: boolean;
}

/** What this process's collectives have sent so far. */
export interface GroupTraffic {
  readonly collectives: number;
  /** Of the tensors that they were given. */
  readonly bytes: number;
  /** Seconds from their starts to their ends, together. */
  readonly underWay: number;
  /** Of these, the seconds for which somebody waited: the rest was hidden behind computation. */
  readonly waited: number;
}

/** As native/distributed/rendezvous.h says. */
export interface GroupOptions {
  readonly rank: number;
  readonly worldSize: number;
  /** Of a FileStore; '': a TCPStore at host and port. */
  readonly file: string;
  readonly host: string;
  readonly port: number;
  /** Whether this process is the TCPStore's server. */
  readonly serves: boolean;
  readonly prefix: string;
  readonly signature: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** 'cuda:0', whose tensors NCCL carries; '': gloo carries all. */
  readonly device: string;
}

export interface TensorDescription {
  readonly device: string;
  /** Absent while the shape depends on data that is not computed yet. */
  readonly shape?: readonly number[];
  readonly dtype?: DType;
  readonly requiresGrad?: boolean;
  /** Whether it is no result of a differentiable operation. */
  readonly isLeaf?: boolean;
}

/** As an operation's schema says. */
export type OperationResult = TensorHandle | readonly TensorHandle[] | undefined;

/**
 * What contrastive_core offers. `flags` are the modes of lib/tensor/modes.ts; `job` is the number under which the
 * caller's stack is kept (lib/native/errors.ts).
 */
export interface Addon {
  info(): AddonInfo;
  setThreads(threads: number): void;
  /** Undefined leaves what is there. */
  setBackends(
    matmulPrecision: 'highest' | 'high' | undefined,
    cudnnBenchmark: boolean | undefined,
    cudnnDeterministic: boolean | undefined,
  ): void;
  backends(): { matmulPrecision: 'highest' | 'high'; cudnnBenchmark: boolean; cudnnDeterministic: boolean };
  depth(): number;
  /** What followProgress() takes. */
  progress(): Int32Array;
  /** Drops what is queued and waits for what runs; later calls fail with ERR_ABORTED. */
  close(): void;

  /** Joins the process group: settles when every rank is there. */
  joinGroup(options: GroupOptions): Promise<void>;
  /** Leaves it; with a reason, which the other ranks hear, before the end. */
  leaveGroup(reason: string): Promise<void>;
  groupTraffic(): GroupTraffic;
  setGroupText(key: string, text: string): Promise<void>;
  /** Settles when a rank has set it. */
  groupText(key: string): Promise<string>;
  /** At once, from any environment: this process is at a task of its own, for which the others are to wait. */
  beatGroup(): void;

  resolve(name: string): CallableReference;
  call(reference: CallableReference, args: readonly unknown[], flags: number, job: number): OperationResult;
  schema(name: string): string;
  ownOps(): string[];

  makeRecorder(): RecorderHandle;
  /** A handle that stands for what is given in its place at replay; of the same shape, dtype and device as `like`. */
  recordInput(recorder: RecorderHandle, like: TensorHandle): TensorHandle;
  /**
   * What call() would give, on twins; the values of the arguments that are tensors, and those of the results; whether a
   * result lies in the memory of an argument.
   */
  record(
    recorder: RecorderHandle,
    reference: CallableReference,
    args: readonly unknown[],
    flags: number,
  ): [OperationResult, readonly number[], readonly number[], boolean];
  /** Ends the recorder. Captured tensors are those from outside. */
  finishRecorder(
    recorder: RecorderHandle,
    outputs: readonly TensorHandle[],
  ): {
    readonly recording: RecordingHandle;
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
    readonly captured: readonly number[];
  };
  replay(
    recording: RecordingHandle,
    inputs: readonly TensorHandle[],
    abort: AbortFlagHandle | undefined,
    flags: number,
    job: number,
  ): readonly TensorHandle[];
  /** A handle of each captured tensor, in order. */
  recordingCaptured(recording: RecordingHandle): readonly TensorHandle[];
  /** As describe(), of any value. */
  recordingDescribe(recording: RecordingHandle, value: number): TensorDescription;
  /** The value of a captured tensor. */
  recordingValue(recording: RecordingHandle, tensor: TensorHandle): number | undefined;
  recordingFits(recording: RecordingHandle): boolean;
  /** Replays of a recording on a device become graphs of it. Before the first one. */
  recordingUseGraph(recording: RecordingHandle): void;
  /** State, the reason where there can be none, and the operation of the reason or −1; undefined where no graph was asked for. */
  recordingGraph(recording: RecordingHandle): readonly [GraphState, string, number] | undefined;
  recordingDispose(recording: RecordingHandle): boolean;
  makeAbortFlag(): AbortFlagHandle;
  raiseAbortFlag(flag: AbortFlagHandle): void;
  /** Shapes, dtypes, devices and the need of a gradient, as text. */
  signature(tensors: readonly TensorHandle[]): string;
  makeGenerator(seed: number): GeneratorHandle;

  fromData(
    data: TypedArray,
    shape: readonly number[],
    dtype: DType,
    device: string,
    requiresGrad: boolean,
    flags: number,
    job: number,
  ): TensorHandle;
  describe(tensor: TensorHandle): TensorDescription;
  /** `own`: the failure of another's effect is left for another's read. */
  read(tensor: TensorHandle, flags: number, own: boolean): Promise<TypedArray>;
  readSync(tensor: TensorHandle, flags: number): TypedArray;
  ready(
    tensor: TensorHandle,
    flags: number,
  ): Promise<Required<Pick<TensorDescription, 'shape' | 'dtype' | 'requiresGrad'>>>;
  sync(flags: number): Promise<void>;
  /** Moves the tensors themselves, with their gradients. The handles from before keep naming the old device. */
  move(tensors: readonly TensorHandle[], device: string, flags: number, job: number): TensorHandle[];
  dispose(tensor: TensorHandle): boolean;
  /** Likewise, and the handle must not be used again: `disposed` stands for it. */
  forget(tensor: TensorHandle): void;
  /** A handle that was disposed. */
  readonly disposed: TensorHandle;
  memory(): { readonly tensors: number; readonly bytes: number; readonly recyclable: number };

  /** `channels` 0 keeps the source's. */
  augmentPipeline(transforms: readonly object[], channels: number): PipelineHandle;
  augmentShape(pipeline: PipelineHandle, height: number, width: number, channels: number): [number, number, number];
  augmentDraw(
    pipeline: PipelineHandle,
    height: number,
    width: number,
    channels: number,
    seed: number,
    epoch: number,
    id: number,
    view: number,
  ): object[];
  /**
   * One pipeline a view; `sizes` holds height, width and channels of each image, `viewNumbers` what each view draws as
   * (undefined: 0, 1, …).
   */
  augmentBatch(
    pipelines: readonly PipelineHandle[],
    pixels: readonly Uint8Array[],
    sizes: Int32Array,
    ids: Float64Array,
    seed: number,
    epoch: number,
    dtype: DType,
    job: number,
    viewNumbers?: readonly number[],
  ): TensorHandle;
  /** Whether `device` is one for augmentOnDevice (CUDA). */
  augmentRunsOn(device: string): boolean;
  /** As augmentBatch, on `device`, by operations on its tensors: one job of the stream that `flags` name. */
  augmentOnDevice(
    pipelines: readonly PipelineHandle[],
    pixels: readonly Uint8Array[],
    sizes: Int32Array,
    ids: Float64Array,
    seed: number,
    epoch: number,
    dtype: DType,
    device: string,
    flags: number,
    job: number,
    viewNumbers?: readonly number[],
  ): TensorHandle;
  augmentReplay(
    pipeline: PipelineHandle,
    pixels: Uint8Array,
    height: number,
    width: number,
    channels: number,
    drawn: readonly object[],
    dtype: DType,
    job: number,
  ): TensorHandle;
  augmentThreads(threads: number): void;
}

interface Loader {
  /** The version of libtorch. */
  readonly compiledAgainst: string;
  open(libraries: readonly string[], core: string, deepbind: boolean): Addon;
  /** Opens contrastive_cuda.so, for the core that is open. */
  openCuda(library: string, core: string, deepbind: boolean): void;
}

/** contrastive_cuda.so, without which there are neither NCCL nor graphs of a CUDA device. */
export interface CudaLibrary {
  readonly path: string;
  /** Why it is not in use; undefined where it is. */
  readonly refused: string | undefined;
}

const require = createRequire(import.meta.url);

interface Loaded {
  readonly addon: Addon;
  readonly libtorch: Libtorch;
  readonly cuda: CudaLibrary;
}

let loaded: Loaded | undefined;

function open(): Loaded {
  const path = addonPath();
  const loader = require(path) as Loader;
  const { compiledAgainst } = loader;
  const libtorch = findLibtorch({ compiledAgainst });
  // RTLD_DEEPBIND keeps libtorch off the symbols of the node executable, but does not go with a replaced malloc.
  const deepbind = process.env.CONTRASTIVE_DEEPBIND !== '0';
  let addon: Addon;
  try {
    addon = loader.open(preloadList(libtorch.libDir), coreBeside(path), deepbind);
  } catch (error) {
    throw nativeError(error);
  }
  followProgress(addon.progress());
  const { torchVersion } = addon.info();
  const refusal =
    refuseVersion(torchVersion, libtorch.libDir) ?? refuseInterface(torchVersion, libtorch.libDir, compiledAgainst);
  if (refusal !== undefined) throw new LibtorchError(refusal);
  // process.exit() and an uncaught throw end the process without the environment's cleanup hooks: libtorch's static
  // destructors would run under a thread that computes. (The core has a last resort of its own; this is the orderly way.)
  process.once('exit', () => addon.close());
  return { addon, libtorch, cuda: openCuda(loader, path, libtorch, deepbind) };
}

function openCuda(loader: Loader, addon: string, { libDir }: Libtorch, deepbind: boolean): CudaLibrary {
  const path = cudaBeside(addon);
  const refuse = (refused: string): CudaLibrary => ({ path, refused });
  if (!isCudaBuild(libDir)) return refuse('the libtorch in use is none for CUDA');
  if (!existsSync(path)) return refuse(`there is no ${path}`);
  try {
    loader.openCuda(path, coreBeside(addon), deepbind);
    return { path, refused: undefined };
  } catch (error) {
    return refuse(messageOf(error));
  }
}

const load = (): Loaded => {
  loaded ??= open();
  return loaded;
};

/** The addon; loads libtorch at the first call (0.2 to 0.4 s). Throws a LibtorchError or ERR_ADDON that says what to do. */
export const loadAddon = (): Addon => load().addon;

/** Likewise, what of it is for CUDA alone. */
export const cudaLibrary = (): CudaLibrary => load().cuda;

/** The libtorch in use, once the addon is loaded. */
export function loadedLibtorch(): Libtorch | undefined {
  return loaded?.libtorch;
}
