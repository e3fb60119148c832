/** What the package is to those who use it: its names, both module systems, its types, and nothing loaded too early. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as contrastive from '../lib/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/cli/bin.cjs');
/** Inside the package, so that its own name resolves to it as it would in a dependent. */
const folder = join(root, 'build/test-consumer');

beforeAll(() => {
  if (!existsSync(main)) throw new Error('dist/ is missing: `npm test` builds it, and so does `npm run build:ts`');
  mkdirSync(folder, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the public names', () => {
  it('are there, each of its kind', () => {
    const functions = [
      ...['tensor', 'zeros', 'ones', 'noGrad', 'tidy', 'sync', 'memory', 'devices', 'setThreads', 'doctor'],
      ...[
        'supConLoss',
        'ntXentLoss',
        'dclLoss',
        'dclwLoss',
        'contrastiveMetrics',
        'multiCrop',
        'resnet18',
        'resnet34',
        'resnet50',
        'resnet101',
        'resnet152',
        'projectionHead',
      ],
      ...['augment', 'randomResizedCrop', 'resize', 'centerCrop', 'randomCrop', 'randomHorizontalFlip'],
      ...['randomVerticalFlip', 'colorJitter', 'randomGrayscale', 'gaussianBlur', 'solarize', 'randomRotation'],
      ...['randomAffine', 'randomPerspective', 'randomErasing', 'cutout', 'normalize'],
      ...['adjustSharpness', 'autoAugment', 'autocontrast', 'elasticTransform', 'equalize', 'gaussianNoise', 'invert'],
      ...['posterize', 'randAugment', 'randomRotation90', 'sobel', 'trivialAugmentWide'],
      ...['loadDataset', 'arrayDataset', 'subset', 'describeDataset', 'makeOptimizer', 'learningRateAt'],
      ...[
        'extractFeatures',
        'knnClassify',
        'nearestNeighbours',
        'linearProbe',
        'createEmbedder',
        'createClassifier',
        'readWeights',
      ],
      ...['exportOnnx', 'embeddingService'],
      ...['createIndex', 'openIndex', 'updateIndex', 'findDuplicates', 'findOutliers'],
      ...['fineTune', 'loadClassifier', 'linearHead', 'balancedSubset'],
    ];
    const classes = [
      'Tensor',
      'DataLoader',
      'Trainer',
      'SGD',
      'AdamW',
      'LARS',
      'Embedder',
      'Classifier',
      'ContrastiveError',
    ];
    const exported = contrastive as unknown as Record<string, unknown>;
    for (const name of [...functions, ...classes]) expect(exported[name], name).toBeTypeOf('function');
    for (const name of [
      'simclr',
      'simclrV2',
      'supcon',
      'mocoV2',
      'byol',
      'swav',
      'dino',
      'cifar',
      'fineTune',
      'evaluation',
    ] as const)
      expect(contrastive.presets[name], name).toBeTypeOf('function');
    for (const name of ['resizedCrop', 'adjustBrightness', 'gaussianBlur', 'affine', 'erase', 'normalize'] as const)
      expect(contrastive.functional[name], name).toBeTypeOf('function');
    expect(Object.keys(contrastive.ops).length).toBeGreaterThanOrEqual(80);
  });

  it('are methods where they belong to an object', () => {
    using module = contrastive.resnet18({ width: 1 });
    for (const name of ['forward', 'parameters', 'stateDict', 'loadStateDict', 'train', 'eval', 'to', 'save', 'load'])
      expect(module[name as keyof typeof module], name).toBeTypeOf('function');
    using tensor = contrastive.tensor(1);
    for (const name of ['backward', 'data', 'dataSync', 'item', 'itemSync', 'to', 'dispose', 'add', 'matmul'])
      expect(tensor[name as keyof typeof tensor], name).toBeTypeOf('function');
    for (const name of ['shape', 'dtype', 'device', 'requiresGrad', 'grad']) expect(name in tensor, name).toBe(true);
  });
});

const run = promisify(execFile);
interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node with `code` as a module of `type`; `environment` adds to the process's own. */
function inChild(code: string, type: 'module' | 'commonjs', environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const file = join(folder, type === 'module' ? 'child.mjs' : 'child.cjs');
  writeFileSync(file, code);
  return run(process.execPath, [file], { env: { ...process.env, ...environment } });
}

const use = `const { tensor } = contrastive;
  tensor([1, 2]).mul(3).data().then((data) => console.log(JSON.stringify([...data])));`;

describe('the package, from another file', () => {
  it('is imported', async () => {
    const { stdout, stderr } = await inChild(`import * as contrastive from 'contrastive';\n${use}`, 'module');
    expect([stdout, stderr]).toEqual(['[3,6]\n', '']);
  });

  it('is required', async () => {
    const { stdout } = await inChild(`const contrastive = require('contrastive');\n${use}`, 'commonjs');
    expect(stdout).toBe('[3,6]\n');
  });

  it('has complete declarations', () => {
    const file = join(folder, 'consumer.ts');
    writeFileSync(
      file,
      `import { type Dataset, ops, resnet18, tensor, type Tensor, Trainer, presets } from 'contrastive';
      const sum: Tensor = tensor([1, 2]).add(1).matmul(ops.ones([2]));
      const encoder = resnet18({ stem: 'cifar', width: 4 });
      await encoder.save('encoder.safetensors');
      declare const dataset: Dataset;
      const trainer = new Trainer({ encoder, augment: presets.simclr({ size: 32 }), loss: { name: 'nt-xent' } });
      for await (const event of trainer.events(dataset)) if (event.kind === 'step') console.log(event.loss, await sum.item());
      // @ts-expect-error a misspelled option is refused
      resnet18({ widht: 4 });
      `,
    );
    const program = ts.createProgram([file], {
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    });
    const inPackage = program.getSourceFiles().filter(({ fileName }) => fileName.includes('/dist/'));
    expect(inPackage.length).toBeGreaterThan(20); // the declarations, not the sources, were read
    const problems = ts.getPreEmitDiagnostics(program).map(({ messageText, file: at }) => {
      return `${at?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
  });
});

const isLinux = process.platform === 'linux';
/** Of the libraries that the process has mapped, the ones that must come late. */
const mapped = `import('node:fs').then(({ readFileSync }) => {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  console.error(JSON.stringify([/libtorch/.test(maps), /contrastive_core/.test(maps)]));
});`;

describe.skipIf(!isLinux)(`what is loaded when${isLinux ? '' : ' (needs /proc)'}`, () => {
  it('importing loads neither libtorch nor the addon', async () => {
    const { stderr } = await inChild(`import 'contrastive';\n${mapped}`, 'module');
    expect(stderr).toBe('[false,false]\n');
  });

  it('the first native call does', async () => {
    const { stderr } = await inChild(`import { tensor } from 'contrastive';\ntensor(1);\n${mapped}`, 'module');
    expect(stderr).toBe('[true,true]\n');
  });

  it.each(['--help', '--version', 'train --help', 'doctor --help'])('contrastive %s loads neither', async (line) => {
    const atExit = `import { readFileSync } from 'node:fs';
        process.on('exit', () => console.error(/libtorch|contrastive_core/.test(readFileSync('/proc/self/maps', 'utf8'))));`;
    writeFileSync(join(folder, 'at-exit.mjs'), atExit);
    const { stdout, stderr } = await run(process.execPath, [
      '--import',
      join(folder, 'at-exit.mjs'),
      main,
      ...line.split(' '),
    ]);
    expect(stderr).toBe('false\n');
    expect(stdout.length).toBeGreaterThan(4);
  });
});

describe('without libtorch on the machine', () => {
  const nowhere = { CONTRASTIVE_LIBTORCH: join(folder, 'nowhere') };

  it('importing works, and the first native call says what to do', async () => {
    const code = `import { tensor } from 'contrastive';
      try { tensor(1); } catch (error) { console.log(error.code, error.message); }`;
    const { stdout } = await inChild(code, 'module', nowhere);
    expect(stdout).toMatch(/^ERR_LIBTORCH .*CONTRASTIVE_LIBTORCH.*does not exist/);
  });

  it('help and doctor work', async () => {
    const env = { ...process.env, ...nowhere };
    const help = await run(process.execPath, [main, '--help'], { env });
    expect(help.stdout).toContain('Usage: contrastive');
    const doctor = await run(process.execPath, [main, 'doctor', '--json'], { env }).catch((error: Outcome) => error);
    expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: false, addon: { loaded: false } });
  });
});

it('the version that the command prints is that of package.json', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect((await run(process.execPath, [main, '--version'])).stdout).toBe(`${version}\n`);
});
