import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { scriptPath } from './scripts.ts';

describe('scripts/build-native.mjs', () => {
  it('stops at an explicit libtorch that cannot be used, instead of building against another', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [scriptPath('build-native.mjs')], {
      encoding: 'utf8',
      env: { ...process.env, CONTRASTIVE_LIBTORCH: '/nowhere' },
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      'libtorch as chosen by the variable CONTRASTIVE_LIBTORCH cannot be used: /nowhere does not exist\n',
    );
  });
});
