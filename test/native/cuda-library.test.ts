/** What the loader says of a contrastive_cuda.so that is none; its own is opened by the tests of NCCL. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { cudaLibrary, loadAddon, loadedLibtorch } from '../../lib/native/addon.ts';
import { addonPath, coreBeside, cudaBeside } from '../../lib/native/addon-path.ts';
import { isCudaBuild } from '../../lib/native/libtorch.ts';

interface Loader {
  openCuda(library: string, core: string, deepbind: boolean): void;
}
const loader = createRequire(import.meta.url)(addonPath()) as Loader;
const core = coreBeside(addonPath());
const deepbind = process.env.CONTRASTIVE_DEEPBIND !== '0';
const failure = (message: string | RegExp) =>
  expect.objectContaining({ code: 'ERR_ADDON', message: expect.stringMatching(message) });

describe('contrastive_cuda.so', () => {
  it('is looked for beside the addon, and opened where libtorch is for CUDA', () => {
    loadAddon();
    const { path, refused } = cudaLibrary();
    expect(path).toBe(cudaBeside(addonPath()));
    if (!isCudaBuild(loadedLibtorch()?.libDir as string)) expect(refused).toBe('the libtorch in use is none for CUDA');
    else if (refused !== undefined) expect(refused).toContain('contrastive_cuda.so');
  });

  it('is named where it cannot be opened, and why', () => {
    loadAddon();
    expect(() => loader.openCuda('/no/such/cuda.so', core, deepbind)).toThrow(
      failure('cannot load /no/such/cuda.so: '),
    );
    expect(() => loader.openCuda(addonPath(), core, deepbind)).toThrow(failure('is not of this package'));
    expect(() => (loader.openCuda as unknown as () => void)()).toThrow(failure('wrong arguments'));
  });
});
