import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { importScript } from './scripts.ts';

const { npmCommand } = await importScript<{ npmCommand(platform?: string): string[] }>('npm.mjs');
afterEach(() => vi.unstubAllEnvs());

describe('npmCommand', () => {
  it('is the npm that runs this script', () => {
    vi.stubEnv('npm_execpath', '/lib/npm-cli.js');
    expect(npmCommand('linux')).toEqual([process.execPath, '/lib/npm-cli.js']);
    expect(npmCommand('win32')).toEqual([process.execPath, '/lib/npm-cli.js']);
  });

  it("is otherwise the path's, and on Windows, where that is a command file, the one beside node", () => {
    vi.stubEnv('npm_execpath', '');
    expect(npmCommand('linux')).toEqual(['npm']);
    const beside = join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js');
    expect(npmCommand('win32')).toEqual([process.execPath, beside]);
  });
});
