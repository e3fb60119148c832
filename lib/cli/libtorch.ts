/** `contrastive libtorch`: obtains libtorch, chooses one, or says which is used. */
import { resolve } from 'node:path';
import { LibtorchError, OptionError } from '../errors.ts';
import { findLibtorch, type Libtorch, selectLibtorch } from '../native/libtorch.ts';
import { inspectLibtorch } from '../native/libtorch-build.ts';
import { type InstallProgress, installLibtorch } from '../native/libtorch-install.ts';
import { installableCuda } from '../native/manifest.ts';
import { nearest } from '../validate.ts';
import { defineCommand } from './command.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { Output } from './output.ts';

const actions = ['install', 'path', 'use'];

export const command = defineCommand({
  name: 'libtorch',
  summary: 'install libtorch, choose one that is there, or print which one is used',
  positionals: 'install | path | use DIR',
  maxPositionals: 2,
  help: `
The numerical library underneath. The package does not contain it; it is looked for in this order:
  1. the variable CONTRASTIVE_LIBTORCH: a folder with lib/ (and include/, to build the addon)
  2. the variable LIBTORCH, when what it names can be used
  3. CONTRASTIVE_USE_PYTORCH=1: the PyTorch that python3 would import
  4. what "install" or "use" chose, kept in the user's cache folder, or in CONTRASTIVE_CACHE
  5. the npm package @contrastive/libtorch-PLATFORM
  6. /opt/libtorch, /usr/local/libtorch, /usr/local, /usr

install   takes PyTorch's CPU wheel (Linux x64: a download of 192 MB, 0.5 GB on disk; Linux arm64: 440 MB, 0.4 GB), from pip as this machine has it configured or else over HTTPS, checks its sha256 and unpacks libraries and headers. --cuda takes PyTorch's and NVIDIA's wheels from PyPI instead (3.6 GB on disk); that build has been loaded, and trains on a CPU, but has not seen a GPU.
path      prints the folder that is used.
use DIR   makes DIR the choice of this user.`,
  examples: [
    { run: 'contrastive libtorch install', explains: 'Once per user; other projects share it.' },
    {
      run: 'contrastive libtorch use "$(python3 -c "import torch, os; print(os.path.dirname(torch.__file__))")"',
      explains: 'A CUDA build that is already here, as part of PyTorch.',
    },
  ],
  options: {
    cuda: {
      type: 'string',
      value: 'VERSION',
      choices: installableCuda,
      help: 'install: a build for NVIDIA GPUs, several GB, Linux x64 only',
    },
  },
  async run({ options, positionals, signal, output }) {
    const [action, folder] = positionals;
    if (action === undefined || !actions.includes(action)) {
      const near = action === undefined ? undefined : nearest(action, actions);
      throw new OptionError(
        `contrastive libtorch: one of install, path, use DIR is needed, got ${action === undefined ? 'nothing' : `'${action}'`}` +
          (near === undefined ? '' : `; did you mean '${near}'?`),
      );
    }
    if ((action === 'use') !== (folder !== undefined))
      throw new OptionError(
        action === 'use'
          ? 'contrastive libtorch use: DIR is missing'
          : `contrastive libtorch ${action}: takes no folder`,
      );
    if (options.cuda !== undefined && action !== 'install')
      throw new OptionError(`contrastive libtorch ${action}: --cuda belongs to install`);
    if (action === 'install') return install(options.cuda, signal, output);
    if (action === 'use') return report(use(resolve(folder as string)), output, 'now used');
    const used = findLibtorch();
    output.print(used.root);
    output.emit(record(used));
  },
});

const record = ({ root, version, source }: Libtorch): object => ({ libtorch: root, version, source });

function report(libtorch: Libtorch, output: Output, what: string): void {
  output.print(`libtorch ${libtorch.version ?? '(unknown version)'} is ${what}: ${libtorch.root}`);
  output.emit(record(libtorch));
  const used = findLibtorch();
  if (used.root !== libtorch.root) output.warn(`${used.source} comes first and names ${used.root}`);
}

function use(folder: string): Libtorch {
  const { libtorch, refused } = inspectLibtorch(folder, 'contrastive libtorch use');
  if (libtorch === undefined) throw new LibtorchError(`contrastive libtorch use: ${refused}`);
  selectLibtorch(libtorch.root);
  return libtorch;
}

async function install(cuda: string | undefined, signal: AbortSignal, output: Output): Promise<void> {
  const started = performance.now();
  const libtorch = await installLibtorch({
    signal,
    ...(cuda !== undefined && { cuda }),
    onProgress: (progress) => output.progress.update(() => describeProgress(progress, started)),
  });
  output.progress.done();
  report(libtorch, output, `installed (${formatDuration((performance.now() - started) / 1000)})`);
}

function describeProgress({ stage, detail, bytes, total }: InstallProgress, started: number): string {
  const amount =
    bytes === undefined ? '' : ` ${formatBytes(bytes)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`;
  return `${stage}${amount}, ${formatDuration((performance.now() - started) / 1000)}: ${detail}`;
}
