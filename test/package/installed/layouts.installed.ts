/** The places in which package managers and people put a package. */
import { cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Consumer,
  consumerAt,
  emptyConsumer,
  install,
  npmInstall,
  platform,
  tarballs,
  tools,
  wellEnded,
} from './consumer.ts';

const sum = `import { tensor } from 'contrastive'; console.log(await tensor([1, 2]).sum().item());`;
const libtorchName = `@contrastive/libtorch-${platform}`;

describe('npm', () => {
  let consumer: Consumer;
  beforeAll(() => {
    consumer = emptyConsumer({ type: 'module' });
    npmInstall(consumer.folder);
    consumer.write('sum.js', sum);
  });
  afterAll(() => consumer.remove());
  const at = (...names: string[]): string => join(consumer.folder, ...names);

  it('an installation from the lock file, with scripts allowed, compiles nothing', () => {
    install(consumer.folder, 'npm', ['ci', '--no-audit', '--no-fund', '--foreground-scripts']);
    expect(existsSync(at('node_modules/contrastive/prebuilds'))).toBe(true);
    expect(existsSync(at('node_modules/contrastive/build'))).toBe(false);
    expect(consumer.node(['sum.js'])).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });

  it('a project that is moved goes on', () => {
    const moved = `${consumer.folder} moved, with a space`;
    renameSync(consumer.folder, moved);
    const ended = consumerAt(moved, { type: 'module' }).node(['sum.js']);
    renameSync(moved, consumer.folder);
    expect(ended).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });

  it('two copies, each beside a libtorch of its own, compute in one process', () => {
    const modules = at('other/node_modules');
    cpSync(at('node_modules/contrastive'), join(modules, 'contrastive'), { recursive: true });
    cpSync(at('node_modules', libtorchName), join(modules, libtorchName), { recursive: true });
    consumer.write(
      'two.js',
      `import { tensor } from 'contrastive';
       import * as other from './other/node_modules/contrastive/dist/index.js';
       const encoder = other.resnet18({ stem: 'cifar', width: 8 });
       const features = encoder.forward(other.ops.ones([2, 3, 16, 16]));
       console.log(tensor === other.tensor, await tensor([1, 2]).sum().item(), features.shape[0]);
       features.square().mean().backward();
       await other.sync();`,
    );
    const ended = consumer.node(['two.js']);
    rmSync(at('other'), { recursive: true });
    expect(ended).toMatchObject({ ...wellEnded, stdout: 'false 3 2\n' });
  });

  it('CONTRASTIVE_LIBTORCH names another libtorch; one that is not there is an error', () => {
    renameSync(at('node_modules', libtorchName), at('elsewhere'));
    try {
      expect(consumer.node(['sum.js'])).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('`npx contrastive libtorch install` fetches it'),
      });
      const env = { CONTRASTIVE_LIBTORCH: at('elsewhere') };
      expect(consumer.node(['sum.js'], { env })).toMatchObject({ ...wellEnded, stdout: '3\n' });
    } finally {
      renameSync(at('elsewhere'), at('node_modules', libtorchName));
    }
    const env = { CONTRASTIVE_LIBTORCH: at('nowhere') };
    expect(consumer.node(['sum.js'], { env }).stderr).toContain('nowhere does not exist');
  });

  it('without sharp, pixels are embedded and an image file is a typed error', () => {
    renameSync(at('node_modules/sharp'), at('sharp-away'));
    consumer.write('photos/cats/1.jpg', 'no matter what');
    consumer.write(
      'sharp.js',
      `import { loadDataset, tensor } from 'contrastive';
       console.log(await tensor([1, 2]).sum().item());
       const photos = await loadDataset('folder', { root: 'photos' });
       await photos.get(0).catch((error) => console.log(error.code, error.message));`,
    );
    const ended = consumer.node(['sharp.js']);
    renameSync(at('sharp-away'), at('node_modules/sharp'));
    expect(ended).toMatchObject({ ...wellEnded, stdout: expect.stringMatching(/^3\nERR_DATA .*npm install sharp/) });
  });

  it('without an addon for the platform, the first native call names the command that builds one', () => {
    renameSync(at('node_modules/contrastive/prebuilds'), at('prebuilds-away'));
    const ended = consumer.node(['sum.js']);
    const help = consumer.node([at('node_modules/.bin/contrastive'), 'build', '--help']);
    renameSync(at('prebuilds-away'), at('node_modules/contrastive/prebuilds'));
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(new RegExp(`no build of the addon for ${platform}; \`npx contrastive build\``));
    expect(help).toMatchObject(wellEnded);
  });
});

const dependencies = { contrastive: `file:${tarballs.main}`, [libtorchName]: `file:${tarballs.libtorch}` };

describe('pnpm 10', () => {
  it('installs and runs', () => {
    const consumer = emptyConsumer({ type: 'module', dependencies });
    consumer.write('sum.js', sum);
    const store = join(consumer.folder, 'store');
    install(consumer.folder, process.execPath, [
      join(tools, 'pnpm/bin/pnpm.cjs'),
      'install',
      '--ignore-scripts',
      '--store-dir',
      store,
    ]);
    const ended = consumer.node(['sum.js']);
    consumer.remove();
    expect(ended).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });
});

describe.each(['node-modules', 'pnp'])('yarn 4, nodeLinker %s', (linker) => {
  it('installs and runs', () => {
    const consumer = emptyConsumer({ dependencies });
    consumer.write('sum.mjs', sum);
    writeFileSync(
      join(consumer.folder, '.yarnrc.yml'),
      `nodeLinker: ${linker}\nenableScripts: false\nenableTelemetry: false\nenableGlobalCache: false\n`,
    );
    writeFileSync(join(consumer.folder, 'yarn.lock'), '');
    install(consumer.folder, process.execPath, [join(tools, '@yarnpkg/cli-dist/bin/yarn.js'), 'install'], { CI: '' });
    const loader =
      linker === 'pnp' ? ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs', '--no-warnings'] : [];
    const ended = consumer.node([...loader, 'sum.mjs']);
    consumer.remove();
    expect(ended).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });
});
