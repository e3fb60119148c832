/** What tools and other programs see of the installed package: its ELF files, types, exports, and a bundler. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemsOf } from '../elf-rules.ts';
import { type Consumer, emptyConsumer, npmInstall, platform, root, tarballs, tools, wellEnded } from './consumer.ts';

let consumer: Consumer;
beforeAll(() => {
  consumer = emptyConsumer({ type: 'module' });
  npmInstall(consumer.folder);
});
afterAll(() => consumer.remove());
const inFolder = (...names: string[]): string => join(consumer.folder, ...names);
const run = (...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd: consumer.folder, encoding: 'utf8', stdio: 'pipe' });

describe('the packages', () => {
  it.runIf(process.platform === 'linux')('load on glibc 2.28', () => {
    const folders = [
      inFolder('node_modules/contrastive/prebuilds', platform),
      inFolder('node_modules/@contrastive', `libtorch-${platform}`, 'lib'),
    ];
    const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
    expect(files.length).toBeGreaterThanOrEqual(5);
    expect(problemsOf(files)).toEqual([]);
  });

  it('please publint', () => {
    expect(run(join(tools, 'publint/src/cli.js'), tarballs.main, '--strict')).toContain('All good!');
  });

  it('have types that every way of importing finds', () => {
    // Ends with status 1, and so throws, at a problem outside `require` of an ES module, which Node can do.
    const command = join(tools, '@arethetypeswrong/cli/dist/index.js');
    expect(run(command, tarballs.main, '--profile', 'esm-only')).toContain('node16 (from ESM)');
  });

  it('have complete types under strict, with no help from skipLibCheck', () => {
    consumer.write(
      'use.ts',
      `import { ContrastiveError, type Dataset, ntXentLoss, resnet18, tensor, Trainer } from 'contrastive';
       const loss: number = await ntXentLoss(tensor(new Float32Array(24), { shape: [4, 2, 3] })).item() as number;
       // @ts-expect-error: types are checked, not any
       resnet18({ width: 'wide' });
       export const use: [number, Dataset | undefined, typeof Trainer, typeof ContrastiveError] = [loss, undefined, Trainer, ContrastiveError];`,
    );
    const options = { module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] };
    const compilerOptions = {
      ...options,
      lib: ['es2023', 'esnext.disposable'],
      typeRoots: [join(root, 'node_modules/@types')],
    };
    consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['use.ts'] }));
    expect(() => run(join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')).not.toThrow();
  });
});

describe('esbuild', () => {
  it('bundles a program that leaves the package external', () => {
    consumer.write(
      'server.js',
      `import { tensor } from 'contrastive'; console.log(await tensor([1, 2]).sum().item());`,
    );
    const flags = ['--bundle', '--platform=node', '--format=esm', '--external:contrastive', '--outfile=out.js'];
    execFileSync(join(tools, '.bin/esbuild'), ['server.js', ...flags], { cwd: consumer.folder, stdio: 'pipe' });
    expect(consumer.node(['out.js'])).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });
});
