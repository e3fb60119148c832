/** `contrastive build`: compiles the addon from the sources in the package, where there is no prebuilt one. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { AbortError, ContrastiveError } from '../errors.ts';
import { addonPath, packageRoot } from '../native/addon-path.ts';
import { defineCommand } from './command.ts';

export const command = defineCommand({
  name: 'build',
  summary: 'compile the addon from source, where no prebuilt one exists',
  help: `
Compiles the C++ sources that the package holds, with CMake, into build/ in the package's own folder; takes 3 to 6 minutes on two cores, and about 1.2 GB of memory a job. It is needed where the package has no prebuilt addon for the platform, and after npm has installed the package again.

A C++20 compiler (gcc 11, clang 14), CMake 3.20 and Ninja or make must be there; what is missing is named, with how to install it. libtorch with its headers is taken from where "contrastive libtorch" finds one, else installed as "contrastive libtorch install" does.

A build that is up to date is left as it is.`,
  examples: [{ run: 'contrastive build', explains: 'After the error that there is no build of the addon.' }],
  options: {},
  async run({ signal, output }) {
    await runBuild(signal);
    const path = addonPath();
    output.print(`the addon is built: ${path}`);
    output.emit({ addon: path });
  },
});

/** The script is the one that binding.gyp names. Its progress goes to stderr; its last words become the error. */
function runBuild(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = join(packageRoot, 'scripts/build-native.mjs');
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 2, 'pipe'], signal });
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    child.on('error', (cause) =>
      reject(
        signal.aborted ? new AbortError('the build was aborted') : new ContrastiveError('ERR_ADDON', cause.message),
      ),
    );
    child.on('close', (status) => {
      if (status === 0) return resolve();
      if (signal.aborted) return reject(new AbortError('the build was aborted'));
      reject(new ContrastiveError('ERR_ADDON', `the build of the addon failed.\n${complaint.trim()}`));
    });
  });
}
