/** Where memory is short, an error says so; nothing ends the process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const hasLimits = spawnSync('prlimit', ['--version']).status === 0;
const canLimit = process.platform === 'linux' && hasLimits && !process.env.LD_PRELOAD?.includes('san');
const reason = canLimit ? '' : ' (skipped: address space cannot be limited here)';

it.skipIf(reason)(`a tensor that JavaScript, or libtorch, has no memory for is an error${reason}`, () => {
  const script = fileURLToPath(new URL('short-of-memory.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual([
    expect.stringMatching(/^out of memory: 524288000 bytes for JavaScript: /),
    'out of memory: no 16000000000 bytes for a tensor',
  ]);
});
