import { describe, expect, it } from 'vitest';
import { importScript } from '../scripts/scripts.ts';

interface Tree {
  readonly manifest: { readonly version: string; readonly repository?: string };
  readonly changes: string;
  readonly tags: readonly string[];
  readonly files: readonly string[];
}

const { libtorchPlatforms, platforms, publishedManifest, refusals } = await importScript<{
  platforms: readonly string[];
  libtorchPlatforms: readonly string[];
  refusals(tree: Tree): string[];
  publishedManifest(manifest: object, files: readonly string[]): { optionalDependencies: Record<string, string> };
}>('publish.mjs');

const files = [
  'dist/index.js',
  'dist/cli/bin.cjs',
  ...platforms.flatMap((platform) => [
    `prebuilds/${platform}/contrastive.node`,
    `prebuilds/${platform}/contrastive_core.so`,
  ]),
  'prebuilds/linux-x64/contrastive_cuda.so',
  ...libtorchPlatforms.map((platform) => `build/packages/contrastive-libtorch-${platform}-2.13.0.tgz`),
];
const good: Tree = { manifest: { version: '1.2.3', repository: 'r' }, changes: '', tags: ['v1.2.3'], files };

describe('scripts/publish.mjs', () => {
  it('lets a clean, tagged, complete tree pass', () => expect(refusals(good)).toEqual([]));

  it.each([
    ['changes', { changes: ' M lib/index.ts\n' }, /the tree has changes:\n M lib\/index.ts/],
    ['no tag', { tags: ['v1.2.2'] }, /no tag v1\.2\.3/],
    ['no repository', { manifest: { version: '1.2.3' } }, /no repository/],
  ])('refuses a tree with %s', (_, difference, reason) => {
    expect(refusals({ ...good, ...difference })).toEqual([expect.stringMatching(reason)]);
  });

  it.each(files)('refuses a tree without %s', (file) => {
    expect(refusals({ ...good, files: files.filter((other) => other !== file) })).toEqual([
      expect.stringContaining(file.replace('2.13.0', 'VERSION')),
    ]);
  });

  it('names the platform packages in their exact versions', () => {
    const { optionalDependencies } = publishedManifest({ optionalDependencies: { sharp: '1' } }, files);
    const expected = libtorchPlatforms.map((platform) => [`@contrastive/libtorch-${platform}`, '2.13.0']);
    expect(optionalDependencies).toEqual({ sharp: '1', ...Object.fromEntries(expected) });
  });
});
