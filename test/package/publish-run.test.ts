/** `npm run publish:all` itself, in a repository of its own, with an npm that sends nothing. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../docs/markdown.ts';
import { importScript } from '../scripts/scripts.ts';

const { addonFiles, libtorchPlatforms, platforms } = await importScript<{
  addonFiles(platform: string): readonly string[];
  platforms: readonly string[];
  libtorchPlatforms: readonly string[];
}>('publish.mjs');

/** Writes down what is published, and knows of what PUBLISHED names; the rest is npm's. */
const fakeNpm = `
const { appendFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const [command, ...args] = process.argv.slice(2);
if (command === 'publish') appendFileSync(process.env.SENT, JSON.stringify(args) + '\\n');
else if (command === 'view') {
  if (args[0] !== process.env.PUBLISHED) process.exit(1);
  console.log(args[0].replace(/.*@/, ''));
} else process.exit(spawnSync('npm', [command, ...args], { stdio: 'inherit' }).status);
`;

let folder: string;
let tree: string;
const write = (name: string, text = ''): void => {
  mkdirSync(dirname(join(tree, name)), { recursive: true });
  writeFileSync(join(tree, name), text);
};
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
    cwd: tree,
    stdio: 'pipe',
  }).toString();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-publish-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  tree = join(folder, 'tree');
  writeFileSync(join(folder, 'npm.js'), fakeNpm);
  cpSync(join(root, 'scripts'), join(tree, 'scripts'), { recursive: true });
  const manifest = { name: 'contrastive', version: '1.2.3', repository: 'github:a/b', files: ['dist', 'prebuilds'] };
  write('package.json', JSON.stringify(manifest));
  write('package-lock.json', JSON.stringify({ ...manifest, lockfileVersion: 3, packages: { '': manifest } }));
  write('.gitignore', 'build/\ndist/\nprebuilds/\n');
  for (const name of ['index.js', 'cli/bin.cjs']) write(`dist/${name}`);
  for (const platform of platforms)
    for (const name of addonFiles(platform)) write(`prebuilds/${platform}/${name}`, platform);
  for (const platform of libtorchPlatforms) write(`build/packages/contrastive-libtorch-${platform}-2.13.0.tgz`);
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'all');
  git('tag', 'v1.2.3');
});

function publish(env: Record<string, string> = {}) {
  const sent = join(folder, 'sent');
  const { status, stderr } = spawnSync(process.execPath, ['scripts/publish.mjs', '--dry-run'], {
    cwd: tree,
    encoding: 'utf8',
    env: { ...process.env, npm_execpath: join(folder, 'npm.js'), SENT: sent, ...env },
  });
  const lines = existsSync(sent) ? readFileSync(sent, 'utf8').trim().split('\n') : [];
  return { status, stderr, sent: lines.map((line) => JSON.parse(line) as [string, ...string[]]) };
}

describe('scripts/publish.mjs', () => {
  it('sends the packages with libtorch, then the package that names them, each with provenance', () => {
    const { status, sent, stderr } = publish();
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const names = libtorchPlatforms.map((platform) => `contrastive-libtorch-${platform}-2.13.0.tgz`);
    expect(sent.map(([tarball]) => basename(tarball))).toEqual([...names, 'contrastive-1.2.3.tgz']);
    for (const [, ...options] of sent) expect(options).toEqual(['--access', 'public', '--provenance', '--dry-run']);
    const main = sent.at(-1)?.[0] as string;
    const read = (name: string): string =>
      execFileSync('tar', ['-xOzf', main, `package/${name}`], { encoding: 'utf8' });
    expect(JSON.parse(read('package.json'))).toMatchObject({
      optionalDependencies: Object.fromEntries(
        libtorchPlatforms.map((platform) => [`@contrastive/libtorch-${platform}`, '2.13.0']),
      ),
    });
    for (const platform of platforms) expect(read(`prebuilds/${platform}/contrastive.node`)).toBe(platform);
  });

  it('sends a libtorch that the registry has no second time', () => {
    const [first = ''] = libtorchPlatforms;
    const { sent } = publish({ PUBLISHED: `@contrastive/libtorch-${first}@2.13.0` });
    expect(sent.length).toBe(libtorchPlatforms.length);
    expect(sent.map(([tarball]) => basename(tarball))).not.toContain(`contrastive-libtorch-${first}-2.13.0.tgz`);
  });

  it.each<[string, () => void, string]>([
    ['a changed file', () => write('scripts/steps.mjs.orig'), 'the tree has changes:\n?? scripts/steps.mjs.orig'],
    ['a commit after the tag', () => git('commit', '--quiet', '--allow-empty', '--message', 'b'), 'no tag v1.2.3'],
    [
      'a missing platform',
      () => rmSync(join(tree, 'prebuilds/linux-arm64'), { recursive: true }),
      'prebuilds/linux-arm64/contrastive.node is missing',
    ],
  ])('sends nothing with %s', (_, change, reason) => {
    change();
    const { status, stderr, sent } = publish();
    expect({ status, stderr, sent }).toEqual({ status: 1, stderr: expect.stringContaining(reason), sent: [] });
  });
});

it('.github/workflows/package.yml builds the platforms that are published', () => {
  const workflow = readFileSync(join(root, '.github/workflows/package.yml'), 'utf8');
  const built = [...workflow.matchAll(/^ +- platform: (\S+)$/gm)].map((match) => match[1]);
  expect(built.sort()).toEqual([...platforms].sort());
});
