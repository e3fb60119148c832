/** What this machine and this process offer, and what to do about anything wrong. Works with no libtorch and no addon. */
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type AddonInfo, type CudaLibrary, cudaLibrary, loadAddon, loadedLibtorch } from './addon.ts';
import { addonPath, packageRoot, packageVersion } from './addon-path.ts';
import { isCudaBuild, type Libtorch, type LibtorchCandidate, resolveLibtorch } from './libtorch.ts';
import { testedVersions } from './manifest.ts';

export interface DoctorFinding {
  /** 'error': nothing native works. 'note': it works, and could work better. */
  readonly level: 'error' | 'note';
  readonly problem: string;
  readonly advice: string;
}

export interface DoctorReport {
  /** True when there is no finding of level 'error'. */
  readonly ok: boolean;
  readonly versions: {
    readonly contrastive: string;
    readonly node: string;
    /** The Node-API version that this Node offers. */
    readonly nodeApi: number;
    /** What libtorch says of itself once loaded. */
    readonly libtorch: string | undefined;
    readonly addonCompiledAgainst: string | undefined;
    readonly libtorchTested: readonly string[];
  };
  readonly platform: {
    readonly name: string;
    readonly glibc: string | undefined;
    readonly cpu: string;
    /** Cores that this process may use. */
    readonly cores: number;
    /** The widest instruction set that libtorch's kernels use here. */
    readonly cpuCapability: string | undefined;
    /** Whether the CPU computes in bfloat16 by itself; emulated, it is slower than float32. */
    readonly bfloat16: boolean | undefined;
    /** The compute thread's OpenMP team. */
    readonly threads: number | undefined;
    readonly memoryBytes: number;
    /** The limit that a container sets; undefined without one. */
    readonly memoryLimitBytes: number | undefined;
  };
  readonly libtorch: {
    readonly used: Libtorch | undefined;
    /** Every place looked at, in order, with the reason why not. */
    readonly candidates: readonly LibtorchCandidate[];
  };
  readonly addon: { readonly path: string | undefined; readonly loaded: boolean; readonly error: string | undefined };
  /** contrastive_cuda.so; undefined while the addon is not loaded. */
  readonly cuda: CudaLibrary | undefined;
  /** Devices that tensors can live on; empty while the addon is not loaded. */
  readonly devices: readonly string[];
  readonly findings: readonly DoctorFinding[];
}

function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/** process.constrainedMemory() gives 0, or a number past any machine's memory, where nothing limits the process. */
function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : undefined;
}

interface AddonState {
  path: string | undefined;
  info: AddonInfo | undefined;
  error: string | undefined;
}

function tryAddon(haveLibtorch: boolean): AddonState {
  const state: AddonState = { path: undefined, info: undefined, error: undefined };
  try {
    state.path = addonPath();
    if (haveLibtorch) state.info = loadAddon().info();
  } catch (error) {
    state.error = (error as Error).message;
  }
  return state;
}

function findings(
  report: Omit<DoctorReport, 'ok' | 'findings'>,
  blocked: LibtorchCandidate | undefined,
  info?: AddonInfo,
) {
  const found: DoctorFinding[] = [];
  const error = (problem: string, advice: string) => found.push({ level: 'error', problem, advice });
  const note = (problem: string, advice: string) => found.push({ level: 'note', problem, advice });
  const { platform, libtorch, addon } = report;
  const build = join(packageRoot, 'build');

  if (blocked !== undefined)
    error(
      `libtorch as chosen by ${blocked.source} cannot be used: ${blocked.refused}`,
      'Correct that choice or take it away.',
    );
  else if (libtorch.used === undefined)
    error('there is no libtorch', 'Run `npx contrastive libtorch install`, or `npx contrastive libtorch use DIR`.');
  if (addon.path === undefined) error(addon.error ?? 'there is no build of the addon', 'Run `npx contrastive build`.');
  else if (addon.error !== undefined)
    error(
      `the addon does not load: ${addon.error}`,
      'If libtorch was changed, choose another or build the addon again.',
    );
  const glibc = platform.glibc?.split('.').map(Number);
  if (glibc !== undefined && ((glibc[0] ?? 0) < 2 || (glibc[0] === 2 && (glibc[1] ?? 0) < 28)))
    error(`glibc ${platform.glibc} is older than 2.28, which libtorch needs`, 'Use a newer distribution or image.');

  const shared = libtorch.candidates.find(
    ({ source, path }) => source.endsWith('variable LIBTORCH') && path !== undefined,
  );
  if (shared?.refused !== undefined)
    note(`LIBTORCH is passed over: ${shared.refused}`, 'Unset it if it is not meant for this.');
  const isForCuda = libtorch.used !== undefined && isCudaBuild(libtorch.used.libDir);
  if (info !== undefined && !isForCuda && existsSync('/dev/nvidia0'))
    note(
      'there is an NVIDIA GPU, and the libtorch in use is a CPU build',
      'Run `npx contrastive libtorch use DIR` with the torch folder of a CUDA build of PyTorch, or `libtorch install --cuda 13.0`.',
    );
  if (info !== undefined && isForCuda && !info.devices.some((device) => device.startsWith('cuda')))
    note(
      'libtorch is a CUDA build and finds no CUDA device',
      'Look at `nvidia-smi`; in a container, pass the GPU through.',
    );
  if (isForCuda && process.platform === 'linux' && report.cuda?.refused !== undefined)
    note(
      `NCCL and graphs of the device cannot be used: ${report.cuda.refused}`,
      "Several processes exchange tensors over the CPU's memory, and recordings are replayed one operation at a time. Where the headers of CUDA and NCCL are (docs/libtorch.md), this compiles what is missing: " +
        `\`rm -f ${join(build, 'native.stamp')} ${join(build, 'CMakeCache.txt')}; npx contrastive build\`.`,
    );
  if (platform.threads !== undefined && platform.threads > platform.cores)
    note(
      `libtorch's team of ${platform.threads} threads is larger than the ${platform.cores} cores of this process`,
      'Call setThreads(n) or set OMP_NUM_THREADS.',
    );
  if (info?.parallelKernels === false)
    note(
      "the addon was compiled without OpenMP: its own kernels run on one thread, libtorch's on all",
      'Build it with GCC on Linux: batch normalisation and 3×3 convolutions are then faster.',
    );
  if (process.arch === 'x64' && platform.cpuCapability === 'DEFAULT')
    note(
      'libtorch uses no AVX2 here, which makes it several times slower',
      'Unset ATEN_CPU_CAPABILITY, or use a newer CPU.',
    );
  const memory = platform.memoryLimitBytes ?? platform.memoryBytes;
  if (memory < 2e9)
    note(
      `only ${(memory / 1e9).toFixed(1)} GB of memory`,
      'Training wants 2 GB or more; use small batches or `microBatch`.',
    );
  return found;
}

/** Looks at everything native. Loads libtorch and the addon when they are there; throws nothing. */
export async function doctor(): Promise<DoctorReport> {
  const { libtorch, candidates, blocked } = resolveLibtorch();
  const { path, info, error } = tryAddon(libtorch !== undefined);
  const report = {
    versions: {
      contrastive: packageVersion(),
      node: process.version,
      nodeApi: Number(process.versions.napi),
      libtorch: info?.torchVersion,
      addonCompiledAgainst: info?.compiledAgainst,
      libtorchTested: testedVersions,
    },
    platform: {
      name: `${process.platform}-${process.arch}`,
      glibc: glibcVersion(),
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      cpuCapability: info?.cpuCapability,
      bfloat16: info?.bfloat16,
      threads: info?.threads,
      memoryBytes: totalmem(),
      memoryLimitBytes: memoryLimit(),
    },
    libtorch: { used: loadedLibtorch() ?? libtorch, candidates },
    addon: { path, loaded: info !== undefined, error },
    cuda: info && cudaLibrary(),
    devices: info?.devices ?? [],
  };
  const found = findings(report, blocked, info);
  return { ok: !found.some(({ level }) => level === 'error'), ...report, findings: found };
}
