import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { decodeSlots } from '../../lib/data/decode-queue.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import type { ModuleConfig } from '../../lib/nn/module.ts';
import { createEmbedder, type Embedder, type EmbedderOptions } from '../../lib/serve/embedder.ts';
import type { RawImage } from '../../lib/serve/image-input.ts';
import { autocast, noGrad, tidy } from '../../lib/tensor/modes.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { alive, collect } from '../collect.ts';
import { stored } from '../files/torch-archive.ts';
import { writeTinyRun } from './tiny-run.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/data/images/${name}`, import.meta.url));

/** Smooth, and different for each seed. */
const imageOf = (seed: number, size = 16): RawImage & { data: Uint8Array; channels: 3 } => ({
  data: Uint8Array.from({ length: size * size * 3 }, (_, i) => 128 + 120 * Math.sin(seed + 0.01 * (seed + 1) * i)),
  width: size,
  height: size,
  channels: 3,
});

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedder-'));
  checkpoint = await writeTinyRun(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function open(options: EmbedderOptions = {}): Promise<Embedder> {
  const source = options.weights === undefined ? { checkpoint } : {};
  const embedder = await createEmbedder({ ...source, ...options });
  onTestFinished(() => embedder.close());
  return embedder;
}

function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] as number))));
  expect(worst).toBeLessThan(tolerance);
}

describe('createEmbedder', () => {
  it('gives the features of the same encoder, run by hand', async () => {
    const embedder = await open();
    expect(embedder.dim).toBe(32);
    expect(embedder.info).toMatchObject({
      encoder: { name: 'resnet18', width: 4 },
      input: { size: 16, channels: 3 },
      dim: 32,
      device: 'cpu',
      precision: 'float32',
      normalize: false,
      checkpoint: join(checkpoint, 'checkpoints', '7'),
      step: 7,
    });
    const image = imageOf(1);
    const vector = await embedder.embed(image);
    // The oracle normalises by its own arithmetic; at 16 × 16 the evaluation scales and crops nothing.
    using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 3, seed: 5 }).eval();
    const planes = [0, 1, 2].flatMap((c) =>
      Array.from({ length: 256 }, (_, i) => ((image.data[3 * i + c] as number) / 255 - 0.4) / 0.3),
    );
    const expected = await noGrad(() =>
      encoder.forward(tensor(Float32Array.from(planes), { shape: [1, 3, 16, 16] })),
    ).data();
    expect(Math.max(...vector)).toBeGreaterThan(0.01);
    expectClose(vector, expected as Float32Array);
  });

  it('takes a network by name with weights from a file, normalised as ImageNet unless told otherwise', async () => {
    const file = join(folder, 'weights.pth');
    using same = resnet18({ stem: 'cifar', width: 4, seed: 9 }).eval();
    await same.save(file);
    const encoder = { name: 'resnet18', stem: 'cifar', width: 4 };
    const embedder = await open({ encoder, weights: file, input: { size: 16 } });
    expect(embedder.info).toMatchObject({
      encoder,
      input: { size: 16, channels: 3, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      dim: 32,
      weights: { file, missing: [], leftOut: [], adapted: [] },
    });
    expect('checkpoint' in embedder.info || 'step' in embedder.info).toBe(false);
    const image = imageOf(1);
    const views = presets.evaluation({ size: 16 }).apply([{ ...image, pixels: image.data, id: 0 }], { seed: 1 });
    const expected = await noGrad(() => same.forward(views)).data();
    expectClose(await embedder.embed(image), expected as Float32Array);

    const gray = await open({
      encoder: { ...encoder, inChannels: 1 },
      weights: file,
      input: { size: 8, mean: 0.5 },
    });
    expect(gray.info.weights?.adapted).toEqual([{ name: 'conv1.weight', of: 'input channels', from: 3, to: 1 }]);
    expect(gray.info.input).toMatchObject({ channels: 1, mean: [0.5], std: [expect.closeTo(0.226, 6)] });
    expect(await gray.embed(image)).toHaveLength(32);
  });

  it('refuses half a source, two of them, and weights that do not fit', async () => {
    const failing = (options: object, code: string, message: RegExp) =>
      expect(createEmbedder(options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    const which = /createEmbedder: give checkpoint, or encoder and weights/;
    const file = join(folder, 'other.pth');
    await writeFile(file, stored('timm-vit.pth'));
    const source = { encoder: 'resnet18', weights: file };
    for (const options of [
      {},
      { encoder: 'resnet18' },
      { weights: file },
      { checkpoint, ...source },
      { checkpoint, input: {} },
    ])
      await failing(options, 'ERR_OPTION', which);
    await failing({ ...source, encoder: 'resnet19' }, 'ERR_OPTION', /did you mean|one of/);
    await failing({ ...source, encoder: { stem: 'cifar' } }, 'ERR_OPTION', /encoder must be/);
    await failing(source, 'ERR_CHECKPOINT', /other\.pth: holds none of the module's/);
    const fitting = join(folder, 'fitting.pth');
    await writeFile(fitting, stored('torchvision.pth'));
    const small = { encoder: { name: 'resnet18', width: 1 }, weights: fitting };
    await failing({ ...small, input: { sise: 3 } }, 'ERR_OPTION', /did you mean 'size'/);
    await failing({ ...small, input: { size: 0 } }, 'ERR_OPTION', /input\.size must be/);
    await failing(
      { ...small, input: { mean: [0, 0], std: [1, 1] } },
      'ERR_OPTION',
      /input\.mean must be a number or 3/,
    );
    const five = { encoder: { ...small.encoder, inChannels: 5 }, weights: fitting };
    await failing(five, 'ERR_OPTION', /images have 1 or 3 channels, the encoder's input has 5/);
  });

  it('scales and crops as presets.evaluation', async () => {
    const embedder = await open();
    const image = imageOf(2, 40);
    using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 3, seed: 5 }).eval();
    const views = presets
      .evaluation({ size: 16, mean: 0.4, std: 0.3, channels: 3 })
      .apply([{ ...image, pixels: image.data, id: 0 }], { seed: 1 });
    const expected = await noGrad(() => encoder.forward(views)).data();
    expectClose(await embedder.embed(image), expected as Float32Array);
  });

  it('reads what a Trainer wrote, and agrees with extractFeatures', async () => {
    const pixels = Uint8Array.from({ length: 12 * 100 }, (_, i) => 128 + 120 * Math.sin(0.37 * i));
    const dataset = arrayDataset(pixels, { shape: [12, 10, 10, 1] });
    const normalisation = { mean: [0.3], std: [0.2] };
    using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1 });
    const augment = presets.simclr({ size: 8, ...normalisation });
    const out = join(folder, 'trained');
    await new Trainer({ encoder, augment, loss: { name: 'nt-xent' }, batchSize: 4, epochs: 1 }).fit(dataset, { out });
    const evaluation = presets.evaluation({ size: 8, ...normalisation });
    const { features } = await extractFeatures(encoder, dataset, { evaluation });
    const expected = (await features.data()) as Float32Array;
    features.dispose();
    const embedder = await open({ checkpoint: out });
    expect(embedder.info.step).toBe(3);
    const images = Array.from({ length: 12 }, (_, i) => ({
      data: pixels.subarray(100 * i, 100 * i + 100),
      width: 10,
      height: 10,
      channels: 1 as const,
    }));
    for (const [i, vector] of (await embedder.embed(images)).entries())
      expectClose(vector, expected.subarray(32 * i, 32 * i + 32));
  });

  it('sees files as an evaluation of their folder does, at ratios of 4:3 and 3:4', async () => {
    const photos = await mkdtemp(join(folder, 'photos-'));
    for (const [width, height] of [
      [64, 48],
      [48, 64],
      [403, 300],
    ] as const) {
      const pixels = Buffer.alloc(3 * width * height);
      for (let i = 0; i < pixels.length; i++) {
        const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
        pixels[i] = 128 + 60 * Math.sin((20 * x) / width + i) + 60 * Math.cos((17 * y) / height);
      }
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(join(photos, `${width}.png`));
    }
    const dataset = await loadDataset('folder', { root: photos });
    // Of a side that 4:3 makes no whole number of, in an encoder that sees where edges are.
    const embedder = await open({ checkpoint: await writeTinyRun(await mkdtemp(join(folder, 'of32-')), { size: 32 }) });
    using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 3, seed: 5 });
    const evaluation = presets.evaluation({ size: 32, mean: 0.4, std: 0.3, channels: 3 });
    const { features } = await extractFeatures(encoder, dataset, { evaluation });
    const expected = (await features.data()) as Float32Array;
    features.dispose();
    for (const [i, vector] of (await embedder.embedFile(dataset.files)).entries()) {
      const other = expected.subarray(32 * i, 32 * i + 32);
      const distance = Math.hypot(...vector.map((value, j) => value - (other[j] as number)));
      expect(distance / Math.hypot(...other)).toBeLessThan(0.01);
    }
  });

  it('opens a checkpoint folder, and another precision', async () => {
    const embedder = await open({ checkpoint: join(checkpoint, 'checkpoints', '7'), precision: 'bfloat16' });
    const reference = await open();
    const [vector, expected] = await Promise.all([embedder.embed(imageOf(3)), reference.embed(imageOf(3))]);
    expectClose(vector, expected, 0.03 * Math.max(...expected));
    expect(vector).not.toEqual(expected);
  });

  it("gives the same vectors on the bulk stream, and on device 'auto'", async () => {
    const expected = await (await open()).embed(imageOf(4));
    const embedder = await open({ priority: 'bulk', device: 'auto' });
    expectClose(await embedder.embed(imageOf(4)), expected, 1e-4);
    expect(embedder.info.device).toMatch(/^(cpu|cuda:\d+|mps.*)$/);
  });

  it('normalises on request', async () => {
    const raw = await (await open()).embed(imageOf(5));
    const unit = await (await open({ normalize: true })).embed(imageOf(5));
    const norm = Math.hypot(...raw);
    expect(Math.hypot(...unit)).toBeCloseTo(1, 5);
    expectClose(
      unit,
      raw.map((value) => value / norm),
    );
  });

  it.each([
    [{ checkpoint: '' }, 'ERR_OPTION', /checkpoint must be a non-empty string/],
    [{ maxbatch: 3 }, 'ERR_OPTION', /unknown option 'maxbatch'; did you mean 'maxBatch'/],
    [{ maxBatch: 0 }, 'ERR_OPTION', /maxBatch must be an integer >= 1/],
    [{ maxWaitMs: -1 }, 'ERR_OPTION', /maxWaitMs/],
    [{ precision: 'bf16' }, 'ERR_OPTION', /precision must be one of/],
    [{ priority: 'high' }, 'ERR_OPTION', /priority must be one of/],
    [{ maxPixels: 0 }, 'ERR_OPTION', /maxPixels must be an integer >= 1/],
    [{ background: '#fff' }, 'ERR_OPTION', /background must be a colour as '#rrggbb', got '#fff'/],
    [{ normalize: 1 }, 'ERR_OPTION', /normalize must be true or false/],
    [{ device: 'gpu' }, 'ERR_DEVICE', /'gpu'/],
    [{ checkpoint: '/nowhere' }, 'ERR_CHECKPOINT', /nowhere/],
  ])('refuses %o', async (options, code, message) => {
    await collect();
    const before = alive();
    await expect(createEmbedder({ checkpoint, ...(options as object) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(alive()).toEqual(before);
  });

  it('refuses a checkpoint that is damaged, or of another encoder', async () => {
    const run = await writeTinyRun(await mkdtemp(join(folder, 'bad-')));
    const config = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
    const other = join(folder, 'other');
    const { model } = await (await RunFolder.open(run)).loadCheckpoint();
    const wider = await RunFolder.create(other, { ...config, encoder: { ...config.encoder, width: 8 } });
    await wider.saveCheckpoint({ model, state: { step: 7, epoch: 1 } });
    await expect(createEmbedder({ checkpoint: other })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/checkpoints.7: 'conv1\.weight' must have shape \[8,3,3,3\], got \[4,3,3,3\]/),
    });
    await truncate(join(run, 'checkpoints', '7', 'model.safetensors'), 1000);
    await expect(createEmbedder({ checkpoint: run })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  it('refuses weights that are not finite, and an image of which the features are not', async () => {
    using network = resnet18({ stem: 'cifar', width: 4 });
    const weights = join(folder, 'wild.safetensors');
    const source = { encoder: { ...network.config } as ModuleConfig, weights, input: { size: 8, mean: 0, std: 1 } };
    const fill = (name: string, value: number) => noGrad(() => network.stateDict().get(name)?.fill_(value));
    fill('layer2.0.bn1.weight', Number.NaN);
    await network.save(weights);
    await expect(createEmbedder(source)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/wild\.safetensors: the weights and running statistics of a layer must be finite/),
    });
    fill('layer2.0.bn1.weight', 1);
    fill('layer4.1.bn1.weight', 100);
    fill('layer4.1.conv2.weight', 1e38); // what it makes of anything but black overflows
    await network.save(weights);
    const embedder = await open(source);
    const gray = (value: number) =>
      ({ data: new Uint8Array(192).fill(value), width: 8, height: 8, channels: 3 }) as const;
    expect(await embedder.embed(gray(0))).toHaveLength(32);
    const [fine, ...refused] = await Promise.allSettled([
      embedder.embed(gray(0)),
      embedder.embed(gray(255)),
      embedder.embed([gray(0), gray(255)]),
    ]);
    expect(fine.status).toBe('fulfilled');
    expect(refused).toMatchObject([
      { reason: { code: 'ERR_DATA', message: expect.stringMatching(/^the features of the image are not finite/) } },
      { reason: { code: 'ERR_DATA', message: expect.stringMatching(/^inputs\[1\]: the features/) } },
    ]);
  });
});

describe('embed', () => {
  it('takes paths, bytes and raw pixels, one or many', async () => {
    const embedder = await open();
    const path = fixture('rgb.png');
    const bytes = await readFile(path);
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    const pixels = { data, width: info.width, height: info.height, channels: 3 } as const;
    const [one, three] = await embedder.embed([bytes, pixels]);
    expectClose(three as Float32Array, one as Float32Array, 0.02); // files are scaled down by sharp
    expectClose(await embedder.embedFile(path), one as Float32Array);
    for (const vector of await embedder.embedFile([path, path])) expectClose(vector, one as Float32Array);
    expect(await embedder.embed([])).toEqual([]);
  });

  it('gives one channel to an encoder of one, from colour or gray', async () => {
    const gray = await open({ checkpoint: await writeTinyRun(await mkdtemp(join(folder, 'gray-')), { channels: 1 }) });
    const data = new Uint8Array(256).map((_, i) => i);
    const rgb = new Uint8Array(768).map((_, i) => Math.floor(i / 3));
    const [a, b] = await gray.embed([
      { data, width: 16, height: 16, channels: 1 },
      { data: rgb, width: 16, height: 16, channels: 3 },
    ]);
    expect(a).toEqual(b);
    expect((await gray.embedFile(fixture('rgb.jpg'))).length).toBe(32);
  });

  it('gives concurrent calls of any size the vectors that they get alone, in their order', async () => {
    const embedder = await open({ maxBatch: 4 });
    const alone: Float32Array[] = [];
    for (let i = 0; i < 11; i++) alone.push(await embedder.embed(imageOf(i, 16 + i)));
    const [many, ...ones] = await Promise.all([
      embedder.embed(alone.map((_, i) => imageOf(i, 16 + i))),
      ...alone.map((_, i) => embedder.embed(imageOf(i, 16 + i))),
    ]);
    expect(embedder.pending).toBe(0);
    for (const [i, vector] of alone.entries()) {
      expectClose(many?.[i] as Float32Array, vector);
      expectClose(ones[i] as Float32Array, vector);
    }
  });

  it('rejects only the call whose image is bad, and says which of an array', async () => {
    const embedder = await open();
    const bad = Buffer.from('not an image');
    const results = await Promise.allSettled([
      embedder.embedFile(fixture('rgb.png')),
      embedder.embed(bad),
      embedder.embed([imageOf(1), bad, imageOf(2), { ...imageOf(3), width: 3 }]),
      embedder.embed([imageOf(1), imageOf(2)]),
      embedder.embed({ ...imageOf(1), data: new Uint8Array(3) }),
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'ERR_DATA' } },
      { reason: { code: 'ERR_DATA', message: expect.stringMatching(/^inputs\[1\]: image of 12 bytes/) } },
      { status: 'fulfilled' },
      { reason: { code: 'ERR_SHAPE' } },
    ]);
    expect((await embedder.embed(imageOf(1))).length).toBe(32);
  });

  it('is aborted by a signal, without a warning about listeners', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const embedder = await open();
    const controller = new AbortController();
    const { signal } = controller;
    const call = embedder.embedFile(
      Array.from({ length: 40 }, () => fixture('rgb.jpg')),
      { signal },
    );
    const one = embedder.embedFile(fixture('rgb.jpg'), { signal });
    controller.abort(new Error('the client went away'));
    const aborted = { code: 'ERR_ABORTED', name: 'AbortError' };
    await expect(call).rejects.toMatchObject(aborted);
    await expect(one).rejects.toMatchObject({ ...aborted, cause: { message: 'the client went away' } });
    await expect(embedder.embed(imageOf(1), { signal })).rejects.toMatchObject(aborted);
    await expect(embedder.embed(imageOf(1), { sginal: signal } as object)).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
    expect((await embedder.embed(imageOf(1))).length).toBe(32);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(warned).not.toHaveBeenCalled();
  });

  it('leaves no decodes behind for a call that was aborted, but those under way, which are pending', async () => {
    const embedder = await open({ maxBatch: 64, maxWaitMs: 60_000 }); // no forward pass before all are decoded
    const large = await sharp({ create: { width: 2000, height: 2000, channels: 3, background: '#246' } })
      .png()
      .toBuffer();
    const controller = new AbortController();
    const call = embedder.embed(new Array(60).fill(large), { signal: controller.signal });
    await vi.waitFor(() => expect(sharp.counters().process).toBeGreaterThan(0));
    expect(embedder.pending).toBe(60);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(embedder.pending).toBeLessThanOrEqual(decodeSlots(process.env.UV_THREADPOOL_SIZE, availableParallelism()));
    expect((await embedder.embed(imageOf(1))).length).toBe(32);
    await vi.waitFor(() => expect(embedder.pending).toBe(0));
  });

  it('bounds pixels, and lays transparency on the background, as it was told', async () => {
    const [plain, small, blue] = await Promise.all([open(), open({ maxPixels: 383 }), open({ background: '#0000ff' })]);
    await expect(small.embedFile(fixture('rgb.png'))).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/24 × 16 = 384 pixels, more than maxPixels = 383/),
    });
    expect(await blue.embedFile(fixture('rgb.png'))).toEqual(await plain.embedFile(fixture('rgb.png')));
    expect(await blue.embedFile(fixture('rgba.png'))).not.toEqual(await plain.embedFile(fixture('rgba.png')));
  });

  it('is not touched by the modes of its callers, nor their tidy', async () => {
    const embedder = await open();
    const expected = await embedder.embed(imageOf(6));
    const [inTidy, inAutocast] = await Promise.all([
      tidy(() => embedder.embed(imageOf(6))),
      autocast('bfloat16', () => embedder.embed(imageOf(6))),
    ]);
    expectClose(inTidy, expected);
    expectClose(inAutocast, expected);
    expectClose(await embedder.embed(imageOf(6)), expected);
  });

  it('does not wait for work on the compute thread', async () => {
    const embedder = await open();
    using matrix = tensor(new Float32Array(1024 * 1024), { shape: [1024, 1024] });
    const products = Array.from({ length: 25 }, () => matrix.matmul(matrix));
    let bulkIsDone = false;
    const bulk = products[24]?.ready().then(() => {
      bulkIsDone = true;
    });
    await embedder.embed(imageOf(1));
    expect(bulkIsDone).toBe(false);
    await bulk;
    for (const product of products) product.dispose();
  });

  it('gives vectors that own their memory, and leaks no tensor', async () => {
    const embedder = await open();
    await collect();
    const before = alive();
    const vectors = await embedder.embed([imageOf(1), imageOf(2)]);
    expect(vectors.map((vector) => vector.buffer.byteLength)).toEqual([128, 128]);
    expect(alive()).toEqual(before);
  });
});

describe('close', () => {
  it('answers calls under way as a whole, refuses later ones, and frees the native memory', async () => {
    await collect();
    const before = alive();
    const embedder = await createEmbedder({ checkpoint, maxBatch: 2 });
    expect(alive().bytes).toBeGreaterThan(before.bytes);
    const waiting = embedder.embedFile(Array.from({ length: 20 }, () => fixture('rgb.jpg')));
    const closing = embedder.close();
    await expect(embedder.embed(imageOf(1))).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: 'the embedder is closed',
    });
    await closing;
    expect(await waiting).toHaveLength(20);
    await embedder.close();
    expect(alive()).toEqual(before);
  });

  it('waits no longer than its signal says: for an image that never comes', async () => {
    await collect();
    const before = alive();
    const embedder = await createEmbedder({ checkpoint });
    const never = Object.assign(new Blob([]), { arrayBuffer: () => new Promise<never>(() => {}) });
    const rejects = expect(embedder.embed(never)).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    const controller = new AbortController();
    const closing = embedder.close({ signal: controller.signal });
    controller.abort('enough');
    await Promise.all([closing, rejects]);
    expect(alive()).toEqual(before);
    await expect(embedder.close({ signal: 1 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it('is what `await using` does', async () => {
    await collect();
    const before = alive();
    {
      await using embedder = await createEmbedder({ checkpoint });
      await embedder.embed(imageOf(1));
    }
    expect(alive()).toEqual(before);
  });
});
