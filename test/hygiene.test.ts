/** What must hold of the tree as a whole: style, licence, versions, and nothing of the machine that it was written on. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  license: string;
  files: string[];
  scripts: Record<string, string>;
};

const git = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
const tracked = git.status === 0 ? git.stdout.split('\0').filter((file) => existsSync(join(root, file)) && file) : [];

describe('style', () => {
  it('Biome finds nothing', () => {
    const biome = join(root, 'node_modules/.bin/biome');
    const { status, stdout, stderr } = spawnSync(biome, ['check', '--colors=off', '.'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });

  it('npm run check covers TypeScript, its types and C++', () => {
    for (const part of ['biome check', 'tsc --noEmit', 'scripts/format-native.mjs --check'])
      expect(manifest.scripts.check).toContain(part);
    expect(existsSync(join(root, 'scripts/format-native.mjs'))).toBe(true);
    expect(existsSync(join(root, '.clang-format'))).toBe(true);
  });

  it('TypeScript is strict', () => {
    const { compilerOptions } = JSON.parse(read('tsconfig.json')) as { compilerOptions: Record<string, unknown> };
    for (const flag of ['strict', 'noUncheckedIndexedAccess', 'exactOptionalPropertyTypes', 'noUnusedLocals'])
      expect(compilerOptions[flag], flag).toBe(true);
  });
});

describe('licence and versions', () => {
  it('LICENSE is the one that package.json names', () => {
    expect(manifest.license).toBe('MIT');
    expect(read('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) \d{4} the contrastive authors\n/);
    expect(read('LICENSE')).toContain('without restriction, including without limitation the rights');
    expect(existsSync(join(root, 'data/fashion-mnist/LICENSE'))).toBe(true);
  });

  it('CHANGELOG has the version of the package', () => {
    const versions = [...read('CHANGELOG.md').matchAll(/^## (\d+\.\d+\.\d+\S*)/gm)].map((match) => match[1]);
    expect(versions[0]).toBe(manifest.version);
  });

  it('what the package is to contain exists, or is built', () => {
    const built = ['dist', 'prebuilds'];
    for (const entry of manifest.files.filter((name) => !built.includes(name)))
      expect(existsSync(join(root, entry.replace(/\/\*.*$/, ''))), entry).toBe(true); // a pattern's folder
  });
});

const hasGit = tracked.length > 0;
describe.skipIf(!hasGit)(`the tracked files${hasGit ? '' : ' (skipped: not a git checkout)'}`, () => {
  it("name no path of a developer's machine", () => {
    const path = new RegExp(`(^|[\\s'"\`(=:])/(${['home', 'Users', 'root', 'work'].join('|')})/`, 'm');
    const texts = tracked.filter((file) => !/\.(gz|png|jpe?g|webp|gif|tiff?|avif|npy|bin|safetensors)$/.test(file));
    expect(texts.length).toBeGreaterThan(100);
    expect(texts.filter((file) => path.test(read(file)))).toEqual([]);
  });

  it('are small, apart from the bundled images', () => {
    const large = tracked.filter((file) => !file.startsWith('data/') && statSync(join(root, file)).size > 1_000_000);
    expect(large).toEqual([]);
  });

  it('hold no build output', () => {
    expect(tracked.filter((file) => /^(build|dist|node_modules|prebuilds|runs)\//.test(file))).toEqual([]);
  });
});

it('.ci/run is executable and runs the test command of the README', () => {
  accessSync(join(root, '.ci/run'), constants.X_OK);
  expect(read('.ci/run')).toMatch(/^exec npm test -- --levels$/m);
  expect(read('README.md')).toContain('npm test');
});
