import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const child = fileURLToPath(new URL('kernels-child.ts', import.meta.url));

function run(isa: string): Float32Array {
  const output = execFileSync(process.execPath, ['--import', 'tsx', child], {
    env: { ...process.env, CONTRASTIVE_ISA: isa },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return new Float32Array(Uint8Array.from(Buffer.from(output, 'base64')).buffer);
}

describe('the kernels', () => {
  // On a processor without the wider sets, these are the same kernels and equal by themselves.
  test('agree between instruction sets, up to the order of additions', () => {
    const baseline = run('baseline');
    expect(baseline.length).toBe(24 * 3 * 65 * 65);
    for (const isa of ['avx2', 'avx512']) {
      const wide = run(isa);
      let most = 0;
      for (const [i, x] of wide.entries()) most = Math.max(most, Math.abs(x - baseline[i]!));
      expect(most, isa).toBeLessThan(2e-4);
    }
  });
});
