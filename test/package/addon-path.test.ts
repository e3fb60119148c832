import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addonPath } from '../../lib/native/addon-path.ts';
import { runMain } from '../cli/run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-addon-'));
  writeFileSync(join(folder, 'package.json'), '{"name":"contrastive"}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const platform = `${process.platform}-${process.arch}`;
const noBuild = new RegExp(`no build of the addon for ${platform}; \`npx contrastive build\``);

describe('addonPath()', () => {
  it('names the platform and the command where there is no addon', () => {
    expect(() => addonPath(folder)).toThrow(
      expect.objectContaining({ code: 'ERR_ADDON', message: expect.stringMatching(noBuild) }),
    );
  });

  it('finds the prebuilt addon of this platform, and misses the core that belongs beside it', () => {
    const place = join(folder, 'prebuilds', platform);
    mkdirSync(place, { recursive: true });
    copyFileSync(addonPath(), join(place, 'contrastive.node'));
    expect(() => addonPath(folder)).toThrow(
      expect.objectContaining({
        code: 'ERR_ADDON',
        message: expect.stringContaining('contrastive_core.so is missing'),
      }),
    );
    copyFileSync(join(dirname(addonPath()), 'contrastive_core.so'), join(place, 'contrastive_core.so'));
    expect(addonPath(folder)).toBe(join(place, 'contrastive.node'));
  });

  // CONTRASTIVE_PREBUILD is node-gyp-build's: the folder in which it looks.
  it('reaches the first native call of a command, and doctor', () => {
    const env = { ...(process.env as Record<string, string>), CONTRASTIVE_PREBUILD: folder };
    const { status, stderr } = runMain(
      ['train', '--data', 'fashion-mnist', '--limit-train', '8', '--out', folder],
      env,
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(noBuild) });
    const { stdout } = runMain(['doctor'], env);
    expect(stdout).toMatch(noBuild);
  });
});
