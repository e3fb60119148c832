/**
 * Values of another realm: a vm context has its own Float32Array, Map and Promise, and test runners run code in one. What
 * a built-in is must be asked in a way that does not depend on whose it is.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { arrayDataset } from '../lib/data/array-dataset.ts';
import { checkSample } from '../lib/data/dataset.ts';
import { messageOf } from '../lib/errors.ts';
import { encodeSafetensors } from '../lib/files/safetensors.ts';
import { labelTensor } from '../lib/losses/labels.ts';
import * as nn from '../lib/nn/index.ts';
import { SGD } from '../lib/optim/sgd.ts';
import { imagePixels } from '../lib/serve/image-input.ts';
import { tidy } from '../lib/tensor/modes.ts';
import { tensor } from '../lib/tensor/tensor.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The value of `code` as another realm makes it. */
const foreign = <T>(code: string, globals: object = {}): T => runInNewContext(code, { ...globals }) as T;

it('a vm context has its own built-ins', () => {
  expect(foreign('new Float32Array(1)')).not.toBeInstanceOf(Float32Array);
});

it.each([
  ['Float32Array', 'float32'],
  ['Float64Array', 'float64'],
  ['Int32Array', 'int32'],
  ['Uint8Array', 'uint8'],
] as const)('tensor() takes a %s', async (kind, dtype) => {
  const t = tensor(foreign<Float32Array>(`${kind}.of(1.75, 2)`));
  expect([t.dtype, await t.toArray()]).toEqual([dtype, dtype.startsWith('float') ? [1.75, 2] : [1, 2]]);
});

it('tensor() takes bigints and nested arrays', async () => {
  expect(tensor(foreign<BigInt64Array>('BigInt64Array.of(3n)')).dtype).toBe('int64');
  expect(await tensor(foreign<number[][]>('[[0.5], [2]]')).toArray()).toEqual([[0.5], [2]]);
});

it('labels, samples, images and the bytes of checkpoints are known', async () => {
  expect(await labelTensor(foreign('Int32Array.of(4, 5)'), 'cpu').toArray()).toEqual([4, 5]);
  const pixels = foreign<Uint8Array>('Uint8Array.of(7, 8, 9)');
  expect(arrayDataset(pixels, { shape: [1, 1, 1, 3] }).get(0)).toMatchObject({ height: 1, channels: 3 });
  expect(checkSample({ pixels, height: 1, width: 1, channels: 3, id: 0 }, 'x').channels).toBe(3);
  const data = foreign<Uint8ClampedArray>('Uint8ClampedArray.of(1, 2, 3)');
  const image = await imagePixels(
    { data, height: 1, width: 1, channels: 3 },
    { channels: 3, size: 1, priority: 'bulk', maxPixels: 9, background: '#ffffff' },
  );
  expect([...image.pixels]).toEqual([1, 2, 3]);
  const raw = { dtype: 'U8', shape: [3], data: pixels } as const;
  expect(encodeSafetensors(new Map([['x', raw]])).subarray(-3)).toEqual(Uint8Array.of(7, 8, 9));
});

it('a Map of parameters keeps its names', () => {
  using weight = tensor([1], { requiresGrad: true });
  const parameters = foreign<Map<string, typeof weight>>("new Map([['head.weight', weight]])", { weight });
  using optimizer = new SGD(parameters, { lr: 0.1, momentum: 0.9 });
  expect([...optimizer.stateDict().keys()].every((name) => name.startsWith('head.weight.'))).toBe(true);
  expect(optimizer.stateDict().size).toBeGreaterThan(0);
});

it('a module or a parameter in a plain object is refused, as it would not be found', () => {
  using layer = new nn.Linear(1, 1);
  class Own extends nn.Identity {
    readonly layers = foreign<{ layer: nn.Linear }>('({ layer })', { layer });
  }
  expect(() => new Own().parameters()).toThrow(expect.objectContaining({ code: 'ERR_STATE' }));
});

it('tidy() waits for a promise', async () => {
  const kept = await tidy(() =>
    foreign<Promise<ReturnType<typeof tensor>>>('Promise.resolve().then(make)', { make: () => tensor([3]) }),
  );
  expect(await kept.item()).toBe(3);
});

it('an error says its message', () => {
  expect(messageOf(foreign("new TypeError('from there')"))).toBe('from there');
  expect(messageOf(new DOMException('a platform exception'))).toBe('a platform exception');
  expect([messageOf('text'), messageOf(null)]).toEqual(['text', 'null']);
});

it('a vm context without Symbol.dispose runs the package', { timeout: 60_000 }, async () => {
  const folder = join(root, 'build/test-realms');
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, 'vitest.config.mjs'), "export default { test: { pool: 'vmThreads' } };");
    writeFileSync(
      join(folder, 'realm.test.mjs'),
      `import { contrastiveMetrics, tensor } from 'contrastive';
      import { expect, it } from 'vitest';
      it('frees what it uses', async () => {
        const features = tensor([[[1, 0], [0.5, 1]], [[0, 1], [1, 1]]]);
        expect((await contrastiveMetrics(features)).top1).toBeGreaterThanOrEqual(0);
        expect([typeof features[Symbol.dispose], 'undefined' in features]).toEqual(['function', false]);
      });`,
    );
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const { status, stdout } = await new Promise<{ status: number | null; stdout: string }>((resolve) => {
      const child = spawn(process.execPath, [vitest, 'run', '--root', folder], {
        cwd: folder,
        env: { ...process.env, VITEST: '' },
      });
      let stdout = '';
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stdout += chunk));
      child.on('close', (status) => resolve({ status, stdout }));
    });
    expect(status, stdout).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const builtIn =
  /(?:instanceof|===|!==) \(?(?:(?:Big)?(?:Float|Int|Uint)\d+(?:Clamped)?Array|(?:Shared)?ArrayBuffer|DataView|Buffer|Array|Object|Function|(?:Weak)?(?:Map|Set)|Date|RegExp|(?:Type|Range|Aggregate|Syntax)?Error|DOMException|Promise|URL|AbortSignal|AbortController|EventTarget|Readable(?:Stream)?)\b/;

it('lib/ compares nothing with a built-in of its own realm', () => {
  const lib = join(root, 'lib');
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((name) => builtIn.test(readFileSync(join(lib, name), 'utf8')))).toEqual([]);
  for (const name of ['Uint8Array', 'BigInt64Array', 'Error', 'TypeError', 'Map', 'AbortSignal'])
    expect(`x instanceof ${name})`).toMatch(builtIn);
  for (const name of ['Tensor', 'DataError', 'ContrastiveError', 'Module'])
    expect(`x instanceof ${name})`).not.toMatch(builtIn);
  expect('Object.getPrototypeOf(x) === Object.prototype').toMatch(builtIn);
});
