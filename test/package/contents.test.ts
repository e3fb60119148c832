/** What `npm pack` puts into the package: enough to run and to build from source, and nothing else. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importScript, scriptPath } from '../scripts/scripts.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { pack } = await importScript<{
  pack(folder: string, destination: string, ...options: string[]): { files: string[]; bytes: number };
}>('npm.mjs');
const { files, bytes } = pack(root, root, '--dry-run', '--ignore-scripts');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the package', () => {
  it('holds the library with its sources, the C++ sources, the data, and what a build needs', () => {
    const kinds = [
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|THIRD_PARTY_NOTICES\.md|CMakeLists\.txt|binding\.gyp)$/,
      /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
      /^lib\/[\w/-]+\.ts$/,
      /^native\/[\w/-]+\.(cc|h|inc|cmake)$/,
      /^data\/fashion-mnist\/[\w.-]+$/,
      /^prebuilds\/(linux|darwin)-(x64|arm64)\/(contrastive\.node|contrastive_core\.so)$/,
      /^scripts\/(build-native|libtorch|npm|steps|tools)\.mjs$/,
    ];
    expect(files.filter((file) => !kinds.some((kind) => kind.test(file)))).toEqual([]);
    for (const kind of kinds.filter(({ source }) => !source.startsWith('^prebuilds')))
      expect(
        files.some((file) => kind.test(file)),
        String(kind),
      ).toBe(true);
    expect(bytes).toBeLessThan(15e6);
  });

  it('holds what its scripts import', () => {
    for (const script of files.filter((file) => file.startsWith('scripts/')))
      for (const [, name = ''] of read(script).matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g))
        expect(files, `${script} imports ${name}`).toContain(posix.join('scripts', name));
  });

  it('holds the sources that its source maps name', () => {
    const maps = files.filter((file) => file.endsWith('.js.map'));
    expect(maps.length).toBeGreaterThan(50);
    for (const map of maps) {
      const { sources } = JSON.parse(read(map)) as { sources: string[] };
      for (const source of sources) expect(files, map).toContain(posix.join(dirname(map), source));
    }
  });

  it('runs nothing when it is installed', () => {
    const { scripts, gypfile } = JSON.parse(read('package.json')) as {
      scripts: Record<string, string>;
      gypfile: boolean;
    };
    // npm would build a package that has a binding.gyp, unless `gypfile` is false.
    expect(gypfile).toBe(false);
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts[name]).toBeUndefined();
  });
});

it('THIRD_PARTY_NOTICES.md is current', () => {
  execFileSync(process.execPath, [scriptPath('notices.mjs'), '--check'], { stdio: 'pipe' });
});
