import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { fitMap } from '../../lib/cli/report/feature-map.ts';
import { html, scriptJson } from '../../lib/cli/report/html.ts';
import { ImagePool } from '../../lib/cli/report/image-pool.ts';
import { lossSeries, niceTicks } from '../../lib/cli/report/loss-chart.ts';
import { encodePng } from '../../lib/cli/report/png.ts';
import { projectFeatures } from '../../lib/cli/report/project.ts';
import { renderReport } from '../../lib/cli/report/report.ts';
import type { ReportData } from '../../lib/cli/report/report-data.ts';
import { percent, points } from '../../lib/cli/report/results.ts';
import { script } from '../../lib/cli/report/script.ts';
import { seededRandom } from '../../lib/cli/report/umap-layout.ts';

const HOSTILE = `</script></style><img src=x onerror="alert('1')">&`;

/** Twelve 5×4 images of three classes, two encoders, all parts present. */
function sample(over: Partial<ReportData> = {}): ReportData {
  const random = seededRandom(7);
  const labels = Array.from({ length: 12 }, (_, i) => i % 3);
  return {
    title: 'A run',
    facts: [{ label: 'Seed', value: '0' }],
    classes: ['cat', 'dog', 'owl'],
    testCount: 2000,
    encoders: [
      { name: 'Untrained', knnTop1: 0.5, linearTop1: 0.55, map: Float32Array.from({ length: 16 }, random) },
      {
        name: 'SupCon (out)',
        knnTop1: 0.823,
        linearTop1: 0.8,
        loss: { epochs: [0.5, 1, 1.5, 2], values: [6, 5, 4.5, 4.2] },
        map: Float32Array.from({ length: 16 }, random),
        neighbors: [
          [3, 4],
          [9, 6],
        ],
      },
    ],
    images: {
      pixels: Uint8Array.from({ length: 12 * 20 }, () => random() * 256),
      height: 5,
      width: 4,
      channels: 1,
      labels,
    },
    points: [0, 1, 2, 3, 4, 5, 6, 7],
    queries: [0, 1],
    ...over,
  };
}

const withEncoder = (over: Partial<ReportData['encoders'][number]>): ReportData => {
  const [first, second] = sample().encoders;
  return sample({ encoders: [first!, { ...second!, ...over }] });
};

describe('renderReport', () => {
  it('is one page with every part and the figures of the run', () => {
    const page = renderReport(sample());
    for (const id of ['results', 'loss', 'maps', 'gallery']) expect(page).toContain(`<h2 id="${id}">`);
    expect(page).toContain('82.3%');
    expect(page).toContain('+32.3');
    expect(page).toContain('2,000 images');
    expect(page).toContain("1 of 4 neighbours shown are of the query's class");
    expect(page).toContain('aria-label="Neighbour 1: cat"');
    expect(page).toContain('aria-label="Neighbour 2: dog (another class)"');
  });

  it('loads nothing, and lets only its own script run', () => {
    const page = renderReport(sample());
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<link|<img|<script src|@import/);
    expect([...page.matchAll(/url\((?!data:)/g)]).toHaveLength(0);
    const hash = createHash('sha256').update(script).digest('base64');
    expect(page).toContain(`script-src &#39;sha256-${hash}&#39;`);
    expect(page).toContain(`<script>${script}</script>`);
    expect(() => new Script(script)).not.toThrow();
  });

  it('escapes every name that comes from outside', () => {
    const data = withEncoder({ name: HOSTILE });
    const page = renderReport({
      ...data,
      title: HOSTILE,
      classes: [HOSTILE, 'dog', 'owl'],
      facts: [{ label: HOSTILE, value: HOSTILE }],
    });
    expect(page).not.toContain('<img');
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!;
    expect(JSON.parse(json).classes[0]).toBe(HOSTILE);
  });

  it('leaves out what a run does not have', () => {
    const page = renderReport(
      sample({ encoders: [{ name: 'Untrained', knnTop1: 0.5, linearTop1: 0.5 }], points: [], queries: [] }),
    );
    for (const id of ['loss', 'maps', 'gallery']) expect(page).not.toContain(`<h2 id="${id}">`);
    expect(page).not.toContain('undefined');
  });

  it('gives more than ten classes a colour and a shape of their own', () => {
    const labels = Array.from({ length: 12 }, (_, i) => i);
    const data = sample({ classes: labels.map((c) => `c${c}`), images: { ...sample().images, labels } });
    const page = renderReport({
      ...data,
      points: labels,
      encoders: [{ ...data.encoders[0]!, map: new Float32Array(24) }],
    });
    const keys = [...page.matchAll(/<svg class="key"[^>]*>(<path [^>]*>)/g)].map((m) => m[1]);
    expect(new Set(keys).size).toBe(12);
  });

  it('shows losses relative to their start first when their scales differ', () => {
    const first = (values: number[]) => {
      const data = withEncoder({});
      const other = { name: 'SimCLR', knnTop1: 0.7, linearTop1: 0.7, loss: { epochs: [0.5, 1, 1.5, 2], values } };
      const page = renderReport({ ...data, encoders: [...data.encoders, other] });
      return /name="scale" value="(\w+)" checked/.exec(page)![1];
    };
    expect(first([6.2, 5.6, 5.3, 5.1])).toBe('values');
    expect(first([620, 560, 530, 510])).toBe('relative');
  });

  it.each<[string, ReportData]>([
    ['channels', sample({ images: { ...sample().images, channels: 2 } })],
    ['pixels', sample({ images: { ...sample().images, pixels: new Uint8Array(3) } })],
    ['encoders', sample({ encoders: [] })],
    ['labels', sample({ classes: ['cat'] })],
    ['points', sample({ points: [12] })],
    ['queries', sample({ queries: [0.5, 1] })],
    ['knnTop1', withEncoder({ knnTop1: 82 })],
    ['linearTop1', withEncoder({ linearTop1: Number.NaN })],
    ['loss', withEncoder({ loss: { epochs: [1], values: [] } })],
    ['loss', withEncoder({ loss: { epochs: [1], values: [Number.NaN] } })],
    ['map', withEncoder({ map: new Float32Array(3) })],
    ['map', withEncoder({ map: new Float32Array(16).fill(Number.NaN) })],
    ['neighbors', withEncoder({ neighbors: [[1]] })],
    ['neighbors', withEncoder({ neighbors: [[1], [-1]] })],
  ])('refuses data that does not fit: %s', (name, data) => {
    expect(() => renderReport(data)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining(name) }),
    );
  });
});

describe('html', () => {
  it('escapes values, keeps Html, drops undefined and false', () => {
    expect(html`<a title="${'"<&>\''}">${[html`<b></b>`, 1]}${undefined}${false}</a>`.text).toBe(
      '<a title="&quot;&lt;&amp;&gt;&#39;"><b></b>1</a>',
    );
  });

  it('writes JSON that cannot end a script', () => {
    const value = { a: '</script><!--\u2028&' };
    const { text } = scriptJson(value);
    expect(text).not.toMatch(/[<>&\u2028]/);
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe('encodePng', () => {
  it.each([1, 3] as const)('is read back by sharp, %d channels', async (channels) => {
    const [width, height] = [37, 23];
    // A slope and noise, so that several row filters are chosen.
    const random = seededRandom(1);
    const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) =>
      i % 5 < 3 ? (i * 3) % 256 : random() * 256,
    );
    const { data, info } = await sharp(encodePng(pixels, width, height, channels))
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([width, height, channels]);
    expect(Buffer.compare(data, Buffer.from(pixels))).toBe(0);
  });

  it('puts each image of a report at its place in the sprite', async () => {
    const data = sample();
    const page = renderReport(data);
    const png = Buffer.from(/data:image\/png;base64,([^)]+)\)/.exec(page)![1]!, 'base64');
    const tile = await sharp(png)
      .extract({ left: 7 * 4, top: 0, width: 4, height: 5 })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    expect([...tile]).toEqual([...data.images.pixels.subarray(7 * 20, 8 * 20)]);
  });
});

describe('ImagePool', () => {
  const image = { pixels: new Uint8Array(4), height: 2, width: 2, channels: 1, label: 1 };

  it('keeps each key once', () => {
    const pool = new ImagePool();
    expect([pool.add('a', image), pool.add('b', { ...image, label: 2 }), pool.add('a', image)]).toEqual([0, 1, 0]);
    expect(pool.toImages()).toEqual({ pixels: new Uint8Array(8), height: 2, width: 2, channels: 1, labels: [1, 2] });
  });

  it('refuses images of two sizes, and images without a label', () => {
    const pool = new ImagePool();
    pool.add('a', image);
    expect(() => pool.add('b', { ...image, height: 1 })).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    const { label: _, ...unlabelled } = image;
    expect(() => pool.add('c', unlabelled)).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});

describe('figures', () => {
  it('writes shares and differences', () => {
    expect(percent(0.8234)).toBe('82.3%');
    expect([0.0312, -0.0312, 0.0004, -0.0004].map(points)).toEqual(['+3.1', '−3.1', '±0.0', '±0.0']);
  });

  it.each([
    [0, 12, 10],
    [4.2, 6.31, 5],
    [0.713, 1, 5],
    [-3, 1e6, 5],
    [2, 2, 5],
    [0, 0, 5],
  ])('finds round ticks that cover %d to %d', (low, high, about) => {
    const ticks = niceTicks(low, high, about);
    const step = ticks[1]! - ticks[0]!;
    expect(step).toBeGreaterThan(0);
    expect(ticks[0]).toBeLessThanOrEqual(low);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(high);
    expect(ticks.length).toBeLessThanOrEqual(about + 3);
    expect([1, 2, 2.5, 5]).toContain(Number((step / 10 ** Math.floor(Math.log10(step * 1.0001))).toPrecision(6)));
  });

  it('shortens and smooths a long curve without moving its mean level', () => {
    const n = 5000;
    const loss = {
      epochs: Array.from({ length: n }, (_, i) => (i + 1) / 100),
      values: Array.from({ length: n }, (_, i) => 5 + (i % 2)),
    };
    const [series] = lossSeries(withEncoder({ loss }));
    expect(series!.values.length).toBeLessThanOrEqual(300);
    expect(series!.relative[0]).toBe(1);
    for (const value of series!.values) expect(Math.abs(value - 5.5)).toBeLessThan(0.05);
  });

  it('fits a map into its square with one scale for both axes', () => {
    const xy = fitMap(Float32Array.from([0, 0, 10, 0, 10, 5, 0, 5]));
    for (const value of xy) expect(value >= 0 && value <= 1000 && Number.isInteger(value)).toBe(true);
    expect(xy[2]! - xy[0]!).toBeCloseTo(2 * (xy[5]! - xy[3]!), -1);
    expect(fitMap(Float32Array.from([3, 3]))).toEqual([500, 500]);
  });
});

describe('projectFeatures', () => {
  const dim = 16;
  /** n rows around three directions, row i near direction i % 3. */
  function clusters(n: number): Float32Array {
    const random = seededRandom(5);
    return Float32Array.from({ length: n * dim }, (_, j) => {
      const [row, d] = [Math.floor(j / dim), j % dim];
      return (d % 3 === row % 3 ? 1 : 0) + 0.3 * random();
    });
  }

  it('keeps clusters together, and gives the same map for the same seed', async () => {
    const n = 120;
    const map = await projectFeatures(clusters(n), n, dim, { seed: 3 });
    const distance = (i: number, j: number) => Math.hypot(map[2 * i]! - map[2 * j]!, map[2 * i + 1]! - map[2 * j + 1]!);
    let right = 0;
    for (let i = 0; i < n; i++) {
      const others = Array.from({ length: n }, (_, j) => j).filter((j) => j !== i);
      const nearest = others.reduce((a, b) => (distance(i, b) < distance(i, a) ? b : a));
      if (nearest % 3 === i % 3) right++;
    }
    expect(right).toBe(n);
    expect(await projectFeatures(clusters(n), n, dim, { seed: 3 })).toEqual(map);
    expect(await projectFeatures(clusters(n), n, dim, { seed: 4 })).not.toEqual(map);
  });

  it.each([0, 1, 2, 3, 4, 7])('takes %d points', async (n) => {
    const map = await projectFeatures(clusters(n), n, dim);
    expect(map.length).toBe(2 * n);
    expect(map.every(Number.isFinite)).toBe(true);
  });

  it('stays finite when all features are equal, or zero', async () => {
    for (const value of [1, 0]) {
      const map = await projectFeatures(new Float32Array(30 * dim).fill(value), 30, dim);
      expect(map.every(Number.isFinite)).toBe(true);
    }
  });

  it('leaves the event loop free', async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 5);
    const started = performance.now();
    await projectFeatures(clusters(600), 600, dim);
    clearInterval(timer);
    expect(longest).toBeLessThan(Math.max(200, (performance.now() - started) / 2));
  });

  it('ends when the signal fires', async () => {
    const controller = new AbortController();
    const work = projectFeatures(clusters(1500), 1500, dim, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(work).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: { message: 'enough' } });
    await expect(projectFeatures(clusters(9), 9, dim, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it.each<[string, unknown[]]>([
    ['ERR_DTYPE', [[1, 2], 1, 2]],
    ['ERR_SHAPE', [new Float32Array(3), 2, 2]],
    ['ERR_DATA', [Float32Array.from([1, Number.NaN]), 1, 2]],
    ['ERR_OPTION', [new Float32Array(2), 1.5, 2]],
    ['ERR_OPTION', [new Float32Array(0), 1, 0]],
    ['ERR_OPTION', [new Float32Array(2), 1, 2, { sead: 1 }]],
    ['ERR_OPTION', [new Float32Array(2), 1, 2, { seed: -1 }]],
  ])('refuses with %s', async (code, args) => {
    await expect(projectFeatures(...(args as Parameters<typeof projectFeatures>))).rejects.toMatchObject({ code });
  });
});
