import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { type Addon, loadAddon, loadedLibtorch } from '../../lib/native/addon.ts';
import { addonPath } from '../../lib/native/addon-path.ts';
import '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';

const addon = () => loadAddon();
const hostile = (value: unknown) => value as never;
const code = (name: string) => expect.objectContaining({ code: name });

describe('loadAddon()', () => {
  it('loads once, with a libtorch of the version that it was compiled against', () => {
    expect(loadAddon()).toBe(loadAddon());
    const info = addon().info();
    const minor = (version: string) => version.split('.').slice(0, 2).join('.');
    expect(minor(info.torchVersion)).toBe(minor(info.compiledAgainst));
    expect(info.threads).toBeGreaterThanOrEqual(1);
    if (process.platform === 'linux') expect(info.parallelKernels).toBe(true);
    expect(info.devices).toContain('cpu');
    expect(loadedLibtorch()?.libDir).toBeTruthy();
  });
});

describe('the loader', () => {
  interface Loader {
    open(libraries: readonly string[], core: string, deepbind: boolean): Addon;
  }
  const loader = () => createRequire(import.meta.url)(addonPath()) as Loader;
  // As loadAddon() has it: sanitizers end the process at a library that is opened so.
  const deepbind = process.env.CONTRASTIVE_DEEPBIND !== '0';

  it('names the library that cannot be loaded, and why', () => {
    expect(() => loader().open(['/no/such/libnothing.so'], '/no/core.so', deepbind)).toThrow(
      expect.objectContaining({ code: 'ERR_LIBTORCH', message: expect.stringContaining('/no/such/libnothing.so') }),
    );
    expect(() => loader().open([], '/no/core.so', deepbind)).toThrow(code('ERR_ADDON'));
    expect(() => loader().open([], addonPath(), deepbind)).toThrow(
      expect.objectContaining({ code: 'ERR_ADDON', message: expect.stringContaining('is not the core') }),
    );
  });

  it('refuses wrong arguments', () => {
    expect(() => loader().open(hostile(3), '', true)).toThrow(code('ERR_ADDON'));
    expect(() => loader().open(hostile([3]), '/x', true)).toThrow(code('ERR_ADDON'));
    expect(() => (loader().open as unknown as () => void)()).toThrow(code('ERR_ADDON'));
  });
});

describe('every entry of the addon', () => {
  const junk = [undefined, null, 3, 'x', true, {}, [], Symbol('s'), () => 0, 7n, new Map(), Number.NaN];
  // close() ends the runtime; setThreads and augmentThreads start as many threads as they are told.
  const excluded = new Set(['close', 'setThreads', 'augmentThreads']);

  it('survives junk: an error or a result, never a crash', async () => {
    const entries = Object.entries(addon()).filter(([name]) => !excluded.has(name)) as [
      string,
      (...a: unknown[]) => unknown,
    ][];
    expect(entries.length).toBeGreaterThan(20);
    const t = tensor([1, 2], { requiresGrad: true }).handle;
    for (const [, entry] of entries) {
      const attempts: unknown[][] = [[]];
      for (const value of junk)
        attempts.push([value], [t, value], [value, value, value, value, value, value, value, value]);
      for (const attempt of attempts) {
        try {
          const result = entry(...attempt);
          if (result instanceof Promise) await result.catch(() => undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
    }
    await addon().sync(0);
    expect(await tensor([1, 2]).sum().item()).toBe(3);
  });

  it('refuses a handle of another kind', () => {
    const absolute = addon().resolve('aten::abs');
    const pipeline = addon().augmentPipeline([], 3);
    for (const wrong of [pipeline, absolute, {}, null])
      expect(() => addon().call(absolute, [wrong], 0, 0)).toThrow(code('ERR_OPTION'));
    expect(() => addon().describe(hostile(pipeline))).toThrow(code('ERR_OPTION'));
    for (const wrong of [pipeline, tensor([1]).handle, {}, null, 3])
      expect(() => addon().call(hostile(wrong), [], 0, 0)).toThrow(code('ERR_OPTION'));
  });
});
