/** libtorch writes its warnings to std::cerr, of which node and libstdc++ each have one. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

// AddressSanitizer does not go with deep binding.
const bindings = process.env.LD_PRELOAD?.includes('libasan') ? ['0'] : ['1', '0'];

it.each(bindings)("a warning of libtorch's goes to stderr, with CONTRASTIVE_DEEPBIND=%s", (deepbind) => {
  const index = new URL('../../lib/index.ts', import.meta.url).href;
  const code = `const { ops, tensor } = await import('${index}');
    console.log(await ops.std(tensor([1])).item());`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const env = { ...process.env, CONTRASTIVE_DEEPBIND: deepbind };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: 'NaN\n' });
  expect(stderr).toMatch(/Warning: std\(\): degrees of freedom is <= 0/);
});
