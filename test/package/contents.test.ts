/** What `npm pack` puts into the package: enough to run and to build from source, and nothing else. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPage, relativeLinks, root } from '../docs/markdown.ts';
import { importScript, scriptPath } from '../scripts/scripts.ts';

const { pack } = await importScript<{
  pack(folder: string, destination: string, ...options: string[]): { files: string[]; bytes: number };
}>('npm.mjs');
const { files, bytes } = pack(root, root, '--dry-run', '--ignore-scripts');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the package', () => {
  it('holds the library with its sources, the C++ sources, the data, and what a build needs', () => {
    const kinds = [
      /^(package\.json|LICENSE|CMakeLists\.txt)$/,
      /^(README|ARCHITECTURE|CONTRIBUTING|CHANGELOG|THIRD_PARTY_NOTICES)\.md$/,
      /^docs\/([\w-]+\.md|images\/[\w-]+\.(png|svg))$/,
      /^examples\/([\w-]+\.ts|Dockerfile(\.dockerignore)?)$/,
      /^dist\/[\w/-]+\.(c?js|c?js\.map|d\.c?ts)$/,
      /^lib\/[\w/-]+\.c?ts$/,
      /^native\/[\w/-]+\.(cc|h|inc|cmake)$/,
      /^data\/fashion-mnist\/[\w.-]+$/,
      /^data\/recipes\/[\w-]+\.json$/,
      /^prebuilds\/(linux|darwin|win32)-(x64|arm64)\/(contrastive\.node|contrastive_core\.so)$/,
      /^prebuilds\/linux-x64\/contrastive_cuda\.so$/,
      /^scripts\/((build-native|libtorch|npm|steps|tools)\.mjs|binding\.gyp)$/,
    ];
    expect(files.filter((file) => !kinds.some((kind) => kind.test(file)))).toEqual([]);
    for (const kind of kinds.filter(({ source }) => !source.startsWith('^prebuilds')))
      expect(
        files.some((file) => kind.test(file)),
        String(kind),
      ).toBe(true);
    expect(bytes).toBeLessThan(15e6);
  });

  it('holds what its pages link to', () => {
    const pages = files.filter((file) => file.endsWith('.md'));
    expect(pages).toContain('docs/deployment.md');
    const links = pages.flatMap((page) => relativeLinks(readPage(page)).map(({ path }) => ({ page, path })));
    expect(links.length).toBeGreaterThan(30);
    const dead = links.filter(({ page, path }) => {
      const target = path === '' ? page : posix.join(posix.dirname(page), path);
      return !files.some((file) => file === target || file.startsWith(`${target}/`));
    });
    expect(dead).toEqual([]);
  });

  it('holds what its scripts import', () => {
    for (const script of files.filter((file) => /^scripts\/.*\.mjs$/.test(file)))
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
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts[name]).toBeUndefined();
    expect(files).not.toContain('binding.gyp'); // npm would build it
  });
});

it('THIRD_PARTY_NOTICES.md is current', () => {
  execFileSync(process.execPath, [scriptPath('notices.mjs'), '--check'], { stdio: 'pipe' });
});
