/** Encoders that files make: what is refused, and one that goes through all commands. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import { ProgramEncoder } from '../../lib/checkpoint/program-encoder.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { loadClassifier } from '../../lib/classify/load-classifier.ts';
import { command as embedCommand } from '../../lib/cli/embed.ts';
import { newEncoder } from '../../lib/cli/encoder-option.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { command as exportCommand } from '../../lib/cli/export.ts';
import { command as fineTuneCommand } from '../../lib/cli/fine-tune.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { createEmbedder } from '../../lib/serve/embedder.ts';
import { type Ran, runWith } from './run-cli.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const library = JSON.stringify(join(root, 'lib/index.ts'));
const commands = [trainCommand, fineTuneCommand, evalCommand, embedCommand, exportCommand];
const run = (...args: string[]): Promise<Ran> => runWith(commands, args);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encoder-option-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of the user's. */
async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text.replace('from contrastive', `from ${library}`));
  return file;
}

/** A module with these lines in its class. */
const netOf = (lines: string): string => `
import { nn } from contrastive;
export default class Net extends nn.Module {
  featureDim = 4;
  conv = new nn.Conv2d(3, 4, 3);
  forward(x) { return this.conv.forward(x).mean([2, 3]); }
  ${lines}
}`;

const input = { channels: 3, size: 12 };

describe('a file that makes an encoder', () => {
  it.each([
    ['a class', 'class.js', netOf('')],
    ['TypeScript', 'class.ts', netOf('readonly kind: string = "small";')],
    ['a function', 'function.mjs', `${netOf('').replace('default ', '')}\nexport default () => new Net();`],
    [
      'a function that waits',
      'waits.js',
      `${netOf('').replace('default ', '')}\nexport default async () => new Net();`,
    ],
  ])('exports %s; a seed gives equal weights', async (_, name, text) => {
    const file = await write(name, text);
    const weights = async (seed: number): Promise<unknown> => {
      using encoder = await newEncoder({ name: 'x', file }, input, seed);
      expect([encoder.featureDim, encoder.training]).toEqual([4, true]);
      return encoder.parameters()[0]?.toArray();
    };
    expect(await weights(1)).toEqual(await weights(1));
    expect(await weights(2)).not.toEqual(await weights(1));
  });

  it('is told the channels of its images', async () => {
    const file = await write('channels.js', netOf('constructor({ inChannels }) { super(); this.seen = inChannels; }'));
    using encoder = await newEncoder({ name: 'x', file }, input, 0);
    expect(encoder).toMatchObject({ seen: 3 });
  });

  it.each([
    ['a broken file', 'export default class {', 'ERR_OPTION', /cannot be imported: /],
    [
      'no default export',
      'export const net = 1;',
      'ERR_OPTION',
      /the default export must be a class .*, got undefined/,
    ],
    ['an object', 'export default {};', 'ERR_OPTION', /the default export must be a class .*, got an object/],
    ['another class', 'export default class {}', 'ERR_OPTION', /extends nn\.Module, got an object/],
    [
      'a module of another copy',
      'export default class { namedParameters() {} }',
      'ERR_OPTION',
      /that of another copy of contrastive: the file must be an ES module/,
    ],
    ['a function of nothing', 'export default () => undefined;', 'ERR_OPTION', /extends nn\.Module, got undefined/],
    ['a constructor that fails', netOf('x = this.none.y;'), 'ERR_OPTION', /the encoder cannot be made: .*undefined/],
    ['no featureDim', netOf('featureDim = undefined;'), 'ERR_OPTION', /must have featureDim, .*; got undefined/],
    ['no parameters', netOf('conv = { forward: (x) => x };'), 'ERR_OPTION', /has no parameters/],
    ['a featureDim that lies', netOf('featureDim = 5;'), 'ERR_SHAPE', /\(batch, featureDim\) = \[2, 5\], got \[2, 4\]/],
    ['maps', netOf('forward(x) { return this.conv.forward(x); }'), 'ERR_SHAPE', /got \[2, 4, 10, 10\]/],
    ['gray images only', netOf('conv = new nn.Conv2d(1, 4, 3);'), 'ERR_SHAPE', /forward of images \[2,3,12,12\] fails/],
  ])('is refused by its name: %s', async (what, text, code, message) => {
    const file = await write(`${what.replaceAll(/\W/g, '-')}.js`, text);
    const refusal = newEncoder({ name: 'x', file }, input, 0);
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(refusal).rejects.toThrow(new RegExp(`^[^\\n]*${file}[^\\n]*$`));
  });

  it('or a name that nobody knows, with what to do', async () => {
    await expect(newEncoder({ name: 'Mine' }, input, 0)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/'Mine' is none of this package .*--encoder FILE/),
    });
  });
});

describe('an encoder of one file, through the commands', () => {
  const few = ['--limit-train', '128', '--limit-test', '40'];
  let net: string;
  let out: string;
  beforeAll(async () => {
    net = await write(
      'small-net.ts',
      (await readFile(join(root, 'examples/small-net.ts'), 'utf8')).replace("from 'contrastive'", 'from contrastive'),
    );
    out = join(folder, 'run');
    const args = [
      '--data',
      'fashion-mnist:bundled',
      '--encoder',
      net,
      '--batch-size',
      '32',
      '--epochs',
      '1',
      '--seed',
      '4',
    ];
    const ran = await run('train', ...args, ...few, '--precision', 'float32', '--out', out);
    expect(ran).toMatchObject({ code: 0, stderr: expect.not.stringContaining('warning') });
  });

  it('is in the config by its class and file, and goes on without a flag', async () => {
    const copy = join(folder, 'copy');
    await cp(out, copy, { recursive: true });
    expect((await RunFolder.open(copy)).config).toMatchObject({ encoder: { name: 'SmallNet', file: net } });
    const more = await run('train', '--resume', copy, '--epochs', '2');
    expect(more).toMatchObject({ code: 0 });
    expect(more.stderr).not.toContain('code changed');
    expect(await (await RunFolder.open(copy)).steps()).toEqual([4, 8]);
    const source = await readFile(net, 'utf8');
    const [other, wider] = [join(folder, 'other.ts'), join(folder, 'wider.ts')];
    await writeFile(other, source.replace('.mean([2, 3])', '.mean([2, 3]).mul(2)'));
    const changed = await run('train', '--resume', copy, '--epochs', '3', '--encoder', other);
    expect((await RunFolder.open(copy)).config.encoder).toEqual({ name: 'SmallNet', file: other });
    expect(changed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/forward pass is not the one .*changed\?/),
    });
    await writeFile(wider, source.replaceAll('16', '24'));
    const refused = await run('train', '--resume', copy, '--epochs', '4', '--encoder', wider);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/must have shape \[24,3,3,3\].*CHECKPOINT/),
    });
  });

  it('is embedded and exported where its file is gone; resuming, fine-tuning and a baseline say what is missing', async () => {
    const [lost, moved] = [join(folder, 'lost'), join(folder, 'moved.ts')];
    await cp(out, lost, { recursive: true });
    const file = join(lost, 'config.json');
    const gone = join(folder, 'gone.ts');
    await writeFile(file, (await readFile(file, 'utf8')).replace(JSON.stringify(net), JSON.stringify(gone)));
    await cp(net, moved);
    await using embedder = await createEmbedder({ checkpoint: lost });
    expect(embedder.dim).toBe(64);
    const onnx = join(folder, 'model.onnx');
    expect(await run('export', '--run', lost, '--out', onnx, '--normalize')).toMatchObject({ code: 0 });
    const image = join(root, 'test/fixtures/data/images/rgb.jpg');
    expect(await run('embed', '--run', lost, '--input', image, '--out', join(folder, 'one'))).toMatchObject({
      code: 0,
    });
    expect(await run('eval', '--run', lost, ...few, '--protocol', 'knn')).toMatchObject({ code: 0 });
    for (const command of [
      ['eval', '--run', lost, ...few, '--protocol', 'fine-tune', '--epochs', '1'],
      ['eval', '--run', lost, ...few, '--protocol', 'knn', '--baseline'],
      ['train', '--resume', lost, '--epochs', '2'], // last: it writes down where the file is now
    ]) {
      const refused = await run(...command);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`${gone}: there is no such file`) });
      expect(await run(...command, '--encoder', moved)).toMatchObject({ code: 0 });
    }
  });

  it('may be one of the package, changed', async () => {
    const text = `import { ops, resnet18 } from contrastive;
      export default ({ inChannels }) => {
        const net = resnet18({ stem: 'cifar', width: 4, inChannels });
        const { forward } = net;
        net.forward = (x) => ops.cat([forward.call(net, x), forward.call(net, x)], 1);
        return Object.assign(net, { featureDim: 64 });
      };`;
    const changed = join(folder, 'changed');
    const args = ['--encoder', await write('twice.js', text), '--batch-size', '32', '--epochs', '1', '--out', changed];
    expect(await run('train', '--data', 'fashion-mnist:bundled', ...few, ...args)).toMatchObject({ code: 0 });
    await using embedder = await createEmbedder({ checkpoint: changed });
    expect(embedder.dim).toBe(64);
    const judged = await run('eval', '--run', changed, ...few, '--protocol', 'knn', '--baseline');
    expect(judged).toMatchObject({ code: 0 });
  });

  it('is fine-tuned into a run that opens without its code', async () => {
    const tuned = join(folder, 'tuned');
    const args = ['--epochs', '1', '--batch-size', '32', '--out', tuned];
    expect(await run('fine-tune', '--run', out, ...few, ...args)).toMatchObject({ code: 0 });
    const { config } = await RunFolder.open(tuned);
    expect(config).toMatchObject({
      encoder: { name: 'SmallNet', file: net },
      data: { name: 'fashion-mnist', path: 'bundled', limit: 128 },
    });
    using classifier = await loadClassifier({ checkpoint: tuned });
    expect(classifier.encoder).toBeInstanceOf(ProgramEncoder);
  });

  it('opens as a module that can be trained, where the caller gives one', async () => {
    using module = await newEncoder({ name: 'x', file: net }, { channels: 3, size: 28 }, 9);
    using loaded = await loadEncoder({ checkpoint: out, encoder: module });
    expect(loaded).toBe(module);
    using program = await loadEncoder({ checkpoint: out });
    expect(program).toBeInstanceOf(ProgramEncoder);
    const of = (encoder: typeof loaded, name: string) => encoder.stateDict().get(name)?.toArray();
    expect(await of(loaded, 'layers.0.weight')).toEqual(await of(program, 'encoder.layers.0.weight'));
    await expect(loadEncoder({ checkpoint: out, encoder: 1 as never })).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});
