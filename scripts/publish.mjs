// `npm run publish:all`: publishes the platform packages with libtorch, then the package, with provenance: each names the commit and
// the workflow that made it. Refuses anything that users could not make again. Arguments after `--` go to `npm publish`,
// for example --dry-run.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { run } from './bootstrap.mjs';
import { npm, pack } from './npm.mjs';
import { isMain, root, StepError } from './steps.mjs';

/** Each has an addon in prebuilds/, made by the workflow on that platform. */
export const platforms = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64'];

/** Each has a package with libtorch in build/packages/; scripts/package-libtorch.mjs says why Windows has none. */
export const libtorchPlatforms = platforms.filter((platform) => platform !== 'win32-x64');

/** What `npm run prebuilds` makes on it. */
export const addonFiles = (platform) => [
  'contrastive.node',
  'contrastive_core.so',
  ...(platform === 'linux-x64' ? ['contrastive_cuda.so'] : []),
];

/**
 * Why this tree must not be published. `files` are paths from the root; `changes` is what `git status --porcelain` prints,
 * `tags` are those of the commit.
 */
export function refusals({ manifest, changes, tags, files }) {
  const reasons = [];
  if (changes.trim() !== '') reasons.push(`the tree has changes:\n${changes.trimEnd()}`);
  if (!tags.includes(`v${manifest.version}`)) reasons.push(`the commit has no tag v${manifest.version}`);
  if (manifest.repository === undefined) reasons.push('package.json has no repository, which provenance needs');
  for (const file of ['dist/index.js', 'dist/cli/bin.cjs'])
    if (!files.includes(file)) reasons.push(`${file} is missing`);
  for (const platform of platforms) {
    for (const name of addonFiles(platform))
      if (!files.includes(`prebuilds/${platform}/${name}`)) reasons.push(`prebuilds/${platform}/${name} is missing`);
    if (libtorchPlatforms.includes(platform) && libtorchTarball(platform, files) === undefined)
      reasons.push(`build/packages/contrastive-libtorch-${platform}-VERSION.tgz is missing`);
  }
  return reasons;
}

const libtorchTarball = (platform, files) =>
  files.find((file) => file.startsWith(`build/packages/contrastive-libtorch-${platform}-`) && file.endsWith('.tgz'));

/** The manifest with the platform packages as optional dependencies, in exactly the versions that are published with it. */
export function publishedManifest(manifest, files) {
  const libtorch = libtorchPlatforms.map((platform) => {
    const version = /-(\d[^-]*)\.tgz$/.exec(libtorchTarball(platform, files))[1];
    return [`@contrastive/libtorch-${platform}`, version];
  });
  return {
    ...manifest,
    optionalDependencies: { ...manifest.optionalDependencies, ...Object.fromEntries(libtorch) },
  };
}

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });

/** Files below `folders`, from the root. */
const list = (...folders) =>
  folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name.replaceAll(sep, '/')}`),
    );

function isPublished(name, version) {
  try {
    return npm(root, 'view', `${name}@${version}`, 'version').trim() === version;
  } catch {
    return false; // the registry does not know it
  }
}

/** The tarball of `npm pack` with the published manifest. The one in the tree must not name what is not published yet. */
function packMain(manifest, files) {
  const folder = join(root, 'build/publish');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { file } = pack(root, folder, '--ignore-scripts'); // prepack builds for this platform; the others' builds are given
  execFileSync('tar', ['-xzf', file], { cwd: folder });
  writeFileSync(
    join(folder, 'package/package.json'),
    `${JSON.stringify(publishedManifest(manifest, files), null, 2)}\n`,
  );
  return join(folder, pack(join(folder, 'package'), folder, '--ignore-scripts').file);
}

async function publish() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = list('dist', 'prebuilds', 'build/packages');
  const tags = git('tag', '--points-at', 'HEAD').split('\n');
  const reasons = refusals({ manifest, changes: git('status', '--porcelain'), tags, files });
  if (reasons.length > 0) throw new StepError(`This is not published:\n${reasons.map((r) => `  - ${r}`).join('\n')}`);

  const send = (tarball) =>
    npm(root, 'publish', tarball, '--access', 'public', '--provenance', ...process.argv.slice(2));
  const { optionalDependencies } = publishedManifest(manifest, files);
  for (const platform of libtorchPlatforms) {
    const name = `@contrastive/libtorch-${platform}`;
    // Versions of libtorch outlive versions of this package.
    if (!isPublished(name, optionalDependencies[name])) send(join(root, libtorchTarball(platform, files)));
  }
  send(packMain(manifest, files));
}

if (isMain(import.meta.url)) await run(publish);
