import { afterAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../lib/native/addon.ts';
import { setBackends, withBenchmark } from '../../lib/tensor/backends.ts';
import { sync } from '../../lib/tensor/runtime.ts';

const inForce = async () => {
  await sync();
  return loadAddon().backends();
};
const usual = { matmulPrecision: 'highest', cudnnBenchmark: false, cudnnDeterministic: false } as const;

describe('setBackends', () => {
  afterAll(() => setBackends(usual));

  it('a trainer on CUDA has cuDNN look for the fastest algorithms, unless somebody has chosen', async () => {
    expect(await inForce()).toEqual(usual);
    {
      using _ = withBenchmark('cpu');
      expect(await inForce()).toEqual(usual);
    }
    {
      using _ = withBenchmark('cuda:0');
      withBenchmark('cuda:0')[Symbol.dispose](); // another trainer, which ends first
      expect(await inForce()).toEqual({ ...usual, cudnnBenchmark: true });
    }
    expect(await inForce()).toEqual(usual);
    setBackends({ cudnnDeterministic: true }); // the fastest algorithm may be another one each time
    {
      using _ = withBenchmark('cuda:0');
      expect(await inForce()).toEqual({ ...usual, cudnnDeterministic: true });
    }
    setBackends(usual);
    using _ = withBenchmark('cuda:0');
    expect(await inForce()).toEqual(usual);
  });

  it('sets what is given, and leaves the rest', async () => {
    setBackends({ matmulPrecision: 'high' });
    setBackends({ cudnnDeterministic: true });
    expect(await inForce()).toEqual({ ...usual, matmulPrecision: 'high', cudnnDeterministic: true });
    setBackends({ matmulPrecision: 'highest', cudnnDeterministic: false });
    expect(await inForce()).toEqual(usual);
  });

  it.each([
    [{ matmulPrecision: 'medium' }, /matmulPrecision must be one of 'highest', 'high'/],
    [{ cudnnBenchmark: 1 }, /cudnnBenchmark must be true or false/],
    [{ benchmark: true }, /benchmark/],
  ])('refuses %o', (options, message) => {
    expect(() => setBackends(options as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
    expect(() => setBackends(options as never)).toThrow(message);
  });
});
