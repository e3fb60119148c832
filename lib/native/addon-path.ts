/** Where the addon's two files lie: a build made here, or the prebuilt one for this platform. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ContrastiveError } from '../errors.ts';

/** The folder that holds package.json, whether this file runs from lib/ or dist/. */
export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The core lies beside contrastive.node, under one name on every platform: none goes by what a library's name ends in. */
export const coreBeside = (loader: string): string => join(dirname(loader), 'contrastive_core.so');

/** So does what needs CUDA's and NCCL's headers, where it was compiled: on Linux. */
export const cudaBeside = (loader: string): string => join(dirname(loader), 'contrastive_cuda.so');

/**
 * The path of contrastive.node.
 * @throws {ContrastiveError} ERR_ADDON: there is none for this platform; names the command that builds it.
 */
export function addonPath(root = packageRoot): string {
  const platform = `${process.platform}-${process.arch}`;
  if (process.platform === 'linux' && existsSync('/etc/alpine-release'))
    throw new ContrastiveError(
      'ERR_ADDON',
      `this is Alpine Linux (${platform}, musl), and libtorch exists for glibc only; use an image such as node:22-slim`,
    );
  const find = createRequire(import.meta.url)('node-gyp-build') as { path(root: string): string };
  let path: string;
  try {
    path = find.path(root);
  } catch (cause) {
    throw new ContrastiveError(
      'ERR_ADDON',
      `there is no build of the addon for ${platform}; \`npx contrastive build\` makes one from the sources in ${root} ` +
        '(a C++20 compiler, CMake and Python with pip are needed)',
      { cause },
    );
  }
  if (!existsSync(coreBeside(path)))
    throw new ContrastiveError(
      'ERR_ADDON',
      `${coreBeside(path)} is missing beside ${path}; \`npx contrastive build\` makes both`,
    );
  return path;
}

/** Of this package, as package.json has it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return version;
}
