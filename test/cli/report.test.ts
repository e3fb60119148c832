import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { chartsOf, niceTicks, valueText } from '../../lib/cli/report/chart.ts';
import { fitMap } from '../../lib/cli/report/feature-map.ts';
import { html, scriptJson } from '../../lib/cli/report/html.ts';
import { ImagePool } from '../../lib/cli/report/image-pool.ts';
import { encodePng } from '../../lib/cli/report/png.ts';
import { projectFeatures } from '../../lib/cli/report/project.ts';
import { renderReport } from '../../lib/cli/report/report.ts';
import type { Arrangement, Evaluation, ReportData } from '../../lib/cli/report/report-data.ts';
import { reportStyle } from '../../lib/cli/report/report-style.ts';
import { percent, points } from '../../lib/cli/report/results.ts';
import { script } from '../../lib/cli/report/script.ts';
import { style } from '../../lib/cli/report/style.ts';
import { seededRandom } from '../../lib/cli/report/umap-layout.ts';

const HOSTILE = `</script></style><img src=x onerror="alert('1')">&`;

/** Eight 5×4 test images of three classes and four training images, two encoders, all parts present. */
function sampleEvaluation(over: Partial<Evaluation> = {}): Evaluation {
  const random = seededRandom(7);
  const poolLabels = Array.from({ length: 12 }, (_, i) => i % 3);
  const labels = poolLabels.slice(0, 8);
  const encoder = {
    confidences: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.95],
    map: Float32Array.from({ length: 16 }, random),
    neighbors: [
      [9, 8],
      [10, 9],
    ],
    mistakes: [],
  };
  return {
    classes: ['cat', 'dog', 'owl'],
    labels,
    names: labels.map((_, i) => `image ${i}`),
    trainImages: 4,
    chanceTop1: 0.375,
    encoders: [
      { ...encoder, name: 'Untrained', knnTop1: 0.5, linearTop1: 0.55, predictions: [0, 0, 0, 0, 0, 0, 0, 0] },
      {
        ...encoder,
        name: 'SupCon (out)',
        knnTop1: 0.875,
        linearTop1: 0.8,
        predictions: [0, 1, 2, 0, 1, 2, 0, 0],
        mistakes: [{ test: 7, image: 7, neighbors: [9, 10] }],
      },
    ],
    hasReference: true,
    images: {
      pixels: Uint8Array.from({ length: 12 * 20 }, () => random() * 256),
      height: 5,
      width: 4,
      channels: 1,
      labels: poolLabels,
    },
    points: labels.map((_, i) => ({ image: i, test: i })),
    queries: [0, 1],
    ...over,
  };
}

const sample = (over: Partial<ReportData> = {}): ReportData => ({
  title: 'A run',
  facts: [{ label: 'Seed', value: '0' }],
  notes: ['28 of 60 images are left out of each epoch'],
  commands: ['npx contrastive report runs/a'],
  trainings: [
    {
      name: 'SupCon (out)',
      curves: {
        loss: { epochs: [0.5, 1, 1.5, 2], values: [6, 5, 4.5, 4.2] },
        knnTop1: { epochs: [0, 2], values: [0.5, 0.875] },
      },
    },
  ],
  levels: { knnTop1: [{ name: 'chance', value: 0.375 }] },
  evaluation: sampleEvaluation(),
  ...over,
});

const withEvaluation = (over: Partial<Evaluation>): ReportData => sample({ evaluation: sampleEvaluation(over) });
const withEncoder = (over: Partial<Evaluation['encoders'][number]>): ReportData => {
  const [first, second] = sampleEvaluation().encoders;
  return withEvaluation({ encoders: [first!, { ...second!, ...over }] });
};
const withLoss = (...all: number[][]): ReportData =>
  sample({
    trainings: all.map((values, i) => ({
      name: `training ${i}`,
      curves: { loss: { epochs: values.map((_, j) => (j + 1) / 2), values } },
    })),
  });

/** The content of a file that the page offers. */
const fileIn = (page: string, name: string): string =>
  Buffer.from(new RegExp(`download="${name}" href="data:[^,]*;base64,([^"]*)"`).exec(page)![1]!, 'base64').toString();

const sections = ['results', 'curves', 'maps', 'classes', 'mistakes', 'gallery', 'again'];

describe('renderReport', () => {
  it('is one page with every part and the figures of the run', async () => {
    const page = await renderReport(sample());
    for (const id of sections) expect(page).toContain(`<h2 id="${id}">`);
    for (const text of ['87.5%', '+37.5', '8 images', 'Always naming the most frequent class would be right for 37.5%'])
      expect(page).toContain(text);
    expect(page).toContain("2 of 4 neighbours shown are of the query's class");
    expect(page).toContain('aria-label="Neighbour 1: cat"');
    expect(page).toContain('aria-label="Neighbour 2: owl (another class)"');
    expect(page).toContain('28 of 60 images are left out of each epoch');
    expect(page).toContain('<pre>npx contrastive report runs/a</pre>');
  });

  it('opens on the best encoder, counts its mistakes, and marks them on its map', async () => {
    const page = await renderReport(sample());
    expect(page).toMatch(/value="1" checked><span>SupCon \(out\)/);
    expect(page).toContain('1 of 8 test images are taken for another class.');
    expect(page).toContain('taken for cat, 95.0% of votes');
    expect(page).toContain('Most often confused: <b>dog</b> taken for <b>cat</b> (1 of 3).');
    expect(page).toContain('title="dog taken for cat: 1 of 3"');
    const [, untrained, trained] = page.split('<figure class="map">');
    const rings = (text: string) => text.split('<path class="ring"').length - 1;
    expect([rings(untrained!), rings(trained!.split('</figure>')[0]!)]).toEqual([5, 1]);
  });

  it('marks as best only what is ahead beyond noise, and says where a difference is none', async () => {
    const few = await renderReport(sample());
    expect(few).not.toMatch(/<span class="best">|<b>87\.5%/);
    expect(few).toContain('37.5 points more than with the same network untrained\n(50.0%), which is within the noise');
    expect(few).toContain('within noise');
    const equal = await renderReport(withEncoder({ knnTop1: 0.5 }));
    expect(equal).toContain('of 8 images: as many as with the same network untrained\n(50.0%).');
    const labels = Array.from({ length: 400 }, (_, i) => i % 3);
    const many = (encoder: Evaluation['encoders'][number]) => ({
      ...encoder,
      predictions: labels,
      confidences: labels.map(() => 1),
    });
    const page = await renderReport(
      withEvaluation({ labels, names: labels.map(String), encoders: sampleEvaluation().encoders.map(many) }),
    );
    expect(page.match(/<span class="best">[\d.]+%/g)).toEqual(['<span class="best">87.5%', '<span class="best">80.0%']);
    expect(page).toContain('<b>87.5%</b>');
    expect(page).not.toContain('<span class="muted range">within noise');
  });

  it('says where the test images may be nothing new', async () => {
    expect(await renderReport(sample())).toContain('Training never used the 8 test images');
    const page = await renderReport(withEvaluation({ doubt: 'it has seen <all>' }));
    expect(page).toContain('<b>The test images may be nothing new to it</b>: it has seen &lt;all&gt;.');
    expect(page).not.toContain('Training never used');
  });

  it('carries its figures as files', async () => {
    const page = await renderReport(sample());
    const summary = JSON.parse(fileIn(page, 'summary.json'));
    expect(summary).toMatchObject({ testImages: 8, encoders: [{ knnTop1: 0.5 }, { knnTop1: 0.875, linearTop1: 0.8 }] });
    expect(fileIn(page, 'predictions.csv').split('\n').slice(0, 2)).toEqual([
      'image,class,Untrained: class,Untrained: votes,SupCon (out): class,SupCon (out): votes',
      'image 0,cat,cat,0.9,cat,0.9',
    ]);
    expect(fileIn(page, 'curves.csv')).toContain('\nSupCon (out),knnTop1,2,0.875\n');
    const quoted = fileIn(await renderReport(withEncoder({ name: 'a "b", c' })), 'predictions.csv');
    expect(quoted).toContain(',"a ""b"", c: class",');
  });

  it('loads nothing, and lets only its own script run', async () => {
    const page = await renderReport(sample());
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<link(?! rel="icon" href="data:,")|<img|<script src|@import/);
    expect([...page.matchAll(/url\((?!data:)/g)]).toHaveLength(0);
    const hash = createHash('sha256').update(script).digest('base64');
    expect(page).toContain(`script-src &#39;sha256-${hash}&#39;`);
    expect(page).toContain(`<script>${script}</script>`);
    expect(() => new Script(script)).not.toThrow();
  });

  it('keeps what a finger chose when it lifts, and lets it go when a mouse leaves or the next finger comes elsewhere', () => {
    const heard = new Map<string, (event: object) => void>();
    const target = (prefix: string, more: object = {}) => ({
      addEventListener: (kind: string, listener: (event: object) => void) => heard.set(`${prefix} ${kind}`, listener),
      ...more,
    });
    const output = { textContent: '' };
    const box = () => ({ left: 0, width: 100 });
    const area = target('area', { getBoundingClientRect: box, contains: (other: unknown) => other === area });
    const found: Record<string, unknown[]> = { output: [output], '.area': [area] };
    const one = (selector: string) =>
      ({ '[data-epoch]': { textContent: '' }, '.plots': target('plots') })[selector] ?? null;
    const chart = { dataset: { chart: 0 }, querySelectorAll: (what: string) => found[what] ?? [], querySelector: one };
    const series = [{ epochs: [0, 5, 10], values: [3, 2, 1] }];
    const document = {
      getElementById: () => ({ textContent: JSON.stringify({ charts: [{ series, epochs: 10, isShare: false }] }) }),
      querySelectorAll: (what: string) => (what === '.chart' ? [chart] : []),
    };
    new Script(script).runInNewContext({ document, addEventListener: target('page').addEventListener });
    const shownAfter = (what: string, event: object = {}) => {
      heard.get(what)?.(event);
      return output.textContent;
    };
    expect(output.textContent).toBe('1'); // at rest: the last value
    expect(shownAfter('area pointerdown', { clientX: 50 })).toBe('2');
    expect(shownAfter('area pointerleave', { pointerType: 'touch' })).toBe('2');
    expect(shownAfter('page pointerdown', { target: area })).toBe('2');
    expect(shownAfter('page pointerdown', { target: undefined })).toBe('1');
    expect(shownAfter('area pointermove', { clientX: 0 })).toBe('3');
    expect(shownAfter('area pointerleave', { pointerType: 'mouse' })).toBe('1');
  });

  it('writes the numbers of the confusion matrix in colours that can be read, by day and by night', () => {
    const share = Number(/--hue\) calc\(var\(--v\)\*(\d+)%/.exec(reportStyle)?.[1]) / 100;
    const linear = (byte: number) =>
      byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = (rgb: readonly number[]) =>
      [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(rgb[i] as number), 0);
    const themes = [...style.matchAll(/--ink:#(\w{6}).*?--faint:#(\w{6});--good:#(\w{6});--bad:#(\w{6})/g)];
    expect(themes).toHaveLength(2);
    for (const [, ...hexes] of themes) {
      const [ink, faint, ...hues] = hexes.map((hex) => [...Buffer.from(hex, 'hex')]) as [
        number[],
        number[],
        ...number[][],
      ];
      for (const hue of hues) {
        const mixed = hue.map((byte, i) => share * byte + (1 - share) * (faint[i] as number));
        const [low, high] = [luminance(ink), luminance(mixed)].sort((a, b) => a - b) as [number, number];
        expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.5); // WCAG 2, success criterion 1.4.3
      }
    }
  });

  it('escapes every name that comes from outside', async () => {
    const [training] = sample().trainings;
    const page = await renderReport({
      ...withEncoder({ name: HOSTILE }),
      evaluation: sampleEvaluation({
        classes: [HOSTILE, 'dog', 'owl'],
        encoders: sampleEvaluation().encoders.map((encoder) => ({ ...encoder, name: HOSTILE })),
      }),
      title: HOSTILE,
      facts: [{ label: HOSTILE, value: HOSTILE }],
      notes: [HOSTILE],
      commands: [HOSTILE],
      trainings: [{ name: HOSTILE, curves: { ...training!.curves, [HOSTILE]: { epochs: [1], values: [1] } } }],
    });
    expect(page).not.toContain('<img');
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!;
    expect(JSON.parse(json).classes[0]).toBe(HOSTILE);
  });

  it('leaves out what a run does not have', async () => {
    const { evaluation: _, ...unlabelled } = sample();
    const page = await renderReport(unlabelled);
    for (const id of ['results', 'maps', 'classes', 'mistakes', 'gallery'])
      expect(page).not.toContain(`<h2 id="${id}">`);
    expect(await renderReport(sample({ trainings: [] }))).not.toContain('<h2 id="curves">');
    expect(page.split('<script>')[0]).not.toContain('undefined');
  });

  it('shows maps and neighbours of images without labels, and no word of classes', async () => {
    const { images } = sampleEvaluation();
    const encoder = { map: new Float32Array(16), neighbors: [[1, 2], [3]] };
    const arrangement: Arrangement = {
      images: { ...images, labels: images.labels.map(() => -1) },
      points: [0, 1, 2, 3, 4, 5, 6, 7],
      queries: [8, 9],
      encoders: ['Untrained', 'mine'].map((name) => ({ name, ...encoder })),
    };
    const { evaluation: _, ...rest } = sample();
    const page = await renderReport({ ...rest, arrangement });
    for (const id of ['curves', 'maps', 'gallery']) expect(page).toContain(`<h2 id="${id}">`);
    for (const id of ['results', 'classes', 'mistakes']) expect(page).not.toContain(`<h2 id="${id}">`);
    expect(page).toMatch(/value="1" checked><span>mine/);
    const main = page.split('<main>')[1]!.split('<script')[0]!;
    expect(main).not.toMatch(/undefined|class that kNN|another class/);
    for (const wrong of [{ points: [12] }, { queries: [-1, 0] }, { images: { ...images, channels: 2 } }])
      await expect(renderReport({ ...rest, arrangement: { ...arrangement, ...wrong } })).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_DATA' }),
      );
  });

  it('gives more than ten classes a colour and a shape of their own', async () => {
    const labels = Array.from({ length: 12 }, (_, i) => i);
    const [encoder] = sampleEvaluation().encoders;
    const page = await renderReport(
      withEvaluation({
        classes: labels.map((c) => `c${c}`),
        labels,
        names: labels.map(String),
        images: { ...sampleEvaluation().images, labels },
        points: labels.map((i) => ({ image: i, test: i })),
        encoders: [{ ...encoder!, predictions: labels, confidences: labels, map: new Float32Array(24) }],
      }),
    );
    const keys = [...page.matchAll(/<svg class="key"[^>]*>(<path [^>]*>)/g)].map((m) => m[1]);
    expect(new Set(keys).size).toBe(12);
  });

  it('shows losses relative to their start first when their scales differ, and one loss as it is', async () => {
    const first = async (...all: number[][]) =>
      /name="scale" value="(\w+)" checked/.exec(await renderReport(withLoss(...all)))?.[1];
    const values = [6, 5, 4.5, 4.2];
    expect(await first(values, [6.2, 5.6, 5.3, 5.1])).toBe('values');
    expect(await first(values, [620, 560, 530, 510])).toBe('relative');
    expect(await first(values)).toBeUndefined();
  });

  it.each<[string, ReportData]>([
    ['channels', withEvaluation({ images: { ...sampleEvaluation().images, channels: 2 } })],
    ['pixels', withEvaluation({ images: { ...sampleEvaluation().images, pixels: new Uint8Array(3) } })],
    ['encoders', withEvaluation({ encoders: [] })],
    ['labels', withEvaluation({ classes: ['cat'] })],
    ['labels', withEvaluation({ labels: [0, 1, 2, 0, 1, 2, 0, 3] })],
    ['names', withEvaluation({ names: [] })],
    ['points', withEvaluation({ points: [{ image: 12, test: 0 }] })],
    ['points', withEvaluation({ points: [{ image: 0, test: 8 }] })],
    ['queries', withEvaluation({ queries: [0.5, 1] })],
    ['knnTop1', withEncoder({ knnTop1: 82 })],
    ['linearTop1', withEncoder({ linearTop1: Number.NaN })],
    ['predictions', withEncoder({ predictions: [1] })],
    ['predictions', withEncoder({ predictions: [0, 1, 2, 0, 1, 2, 0, 3] })],
    ['confidences', withEncoder({ confidences: [] })],
    ['loss', sample({ trainings: [{ name: 'a', curves: { loss: { epochs: [1], values: [] } } }] })],
    ['loss', withLoss([Number.NaN])],
    ['map', withEncoder({ map: new Float32Array(3) })],
    ['map', withEncoder({ map: new Float32Array(16).fill(Number.NaN) })],
    ['neighbors', withEncoder({ neighbors: [[1]] })],
    ['neighbors', withEncoder({ neighbors: [[1], [-1]] })],
    ['mistakes', withEncoder({ mistakes: [{ test: 8, image: 0, neighbors: [] }] })],
    ['mistakes', withEncoder({ mistakes: [{ test: 0, image: 0, neighbors: [12] }] })],
  ])('refuses data that does not fit: %s', async (name, data) => {
    await expect(renderReport(data)).rejects.toThrow(
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
    const page = await renderReport(data);
    const png = Buffer.from(/data:image\/png;base64,([^)]+)\)/.exec(page)![1]!, 'base64');
    const tile = await sharp(png)
      .extract({ left: 7 * 4, top: 0, width: 4, height: 5 })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    expect([...tile]).toEqual([...data.evaluation!.images.pixels.subarray(7 * 20, 8 * 20)]);
  });

  it('tells more runs than colours apart by their dashes', () => {
    const training = (i: number) => ({ name: `${i}`, curves: { loss: { epochs: [1], values: [i] } } });
    const [chart] = chartsOf(Array.from({ length: 8 }, (_, i) => training(i)));
    expect(new Set(chart!.series.map(({ look }) => look)).size).toBe(8);
  });

  it('puts photos into sheets that browsers take, whatever is on them', async () => {
    const [count, side] = [300, 64];
    const random = seededRandom(3);
    const area = side * side * 3;
    const pixels = Uint8Array.from({ length: count * area }, () => random() * 256); // nothing is harder to compress
    pixels.fill(200, 261 * area, 262 * area);
    const labels = Array.from({ length: count }, (_, i) => i % 3);
    const images = { pixels, height: side, width: side, channels: 3, labels };
    const page = await renderReport(withEvaluation({ images, queries: [0, 261] }));
    const sheets = [...page.matchAll(/\.s\d\{background-image:url\(data:image\/webp;base64,([^)]+)\)/g)].map(
      ([, text]) => text!,
    );
    expect(sheets).toHaveLength(2);
    for (const text of sheets) expect(text.length).toBeLessThan(2_000_000);
    expect(page).toContain(
      'class="im s1" role="img" aria-label="Test image: cat" title="Test image: cat" style="--x:5;--y:0"',
    );
    const middle = { left: 5 * side + 8, top: 8, width: 48, height: 48 };
    const shown = await sharp(Buffer.from(sheets[1]!, 'base64')).extract(middle).raw().toBuffer();
    expect([...shown].every((value) => Math.abs(value - 200) < 5)).toBe(true);
  });
});

describe('ImagePool', () => {
  const image = { pixels: new Uint8Array(4), height: 2, width: 2, channels: 1, label: 1 };

  it('keeps each key once', () => {
    const pool = new ImagePool();
    expect([pool.add('a', image), pool.add('b', { ...image, label: 2 }), pool.add('a', image)]).toEqual([0, 1, 0]);
    expect(pool.toImages()).toEqual({ pixels: new Uint8Array(8), height: 2, width: 2, channels: 1, labels: [1, 2] });
  });

  it('takes images without a label, which a page of labelled ones refuses', async () => {
    const { label: _, ...unlabelled } = image;
    const pool = new ImagePool();
    pool.add('a', unlabelled);
    expect(pool.toImages().labels).toEqual([-1]);
    const labels = [...sampleEvaluation().images.labels.slice(1), -1];
    await expect(renderReport(withEvaluation({ images: { ...sampleEvaluation().images, labels } }))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining('images.labels') }),
    );
  });

  it('makes tiles of the middle of large images, each pixel a mean, in colours if one is', () => {
    const pool = new ImagePool();
    // 128 × 192 gray: columns 32 to 159 are the middle; pairs of rows and columns 10 and 20.
    const gray = Uint8Array.from({ length: 128 * 192 }, (_, i) => (i % 2 === 0 ? 10 : 20));
    pool.add('a', { pixels: gray, height: 128, width: 192, channels: 1, label: 0 });
    const red = Uint8Array.from({ length: 65 * 65 * 3 }, (_, i) => (i % 3 === 0 ? 200 : 0));
    pool.add('b', { pixels: red, height: 65, width: 65, channels: 3, label: 1 });
    const { pixels, height, width, channels } = pool.toImages();
    expect([height, width, channels]).toEqual([64, 64, 3]);
    const odd = new ImagePool();
    odd.add('c', { pixels: new Uint8Array(50 * 70 * 3), height: 50, width: 70, channels: 3 });
    expect(odd.toImages()).toMatchObject({ height: 48, width: 48 }); // whole blocks of the compression
    expect(new Set(pixels.subarray(0, 64 * 64 * 3))).toEqual(new Set([15]));
    expect([...pixels.subarray(64 * 64 * 3, 64 * 64 * 3 + 6)]).toEqual([200, 0, 0, 200, 0, 0]);
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
    const [chart] = chartsOf([{ name: 'a', curves: { loss } }]);
    const [series] = chart!.series;
    expect(series!.values.length).toBeLessThanOrEqual(300);
    for (const value of series!.values) expect(Math.abs(value - 5.5)).toBeLessThan(0.05);
  });

  it('keeps a short curve as it is, and puts charts in order', () => {
    const curve = { epochs: [0, 1, 2], values: [0.1, 0.9, 0.5] };
    const charts = chartsOf([{ name: 'a', curves: { zeta: curve, knnTop1: curve, loss: curve } }]);
    expect(charts.map(({ figure }) => figure)).toEqual(['loss', 'knnTop1', 'zeta']);
    expect(charts[1]!.series[0]).toMatchObject(curve);
  });

  it('writes values with as many digits as they need', () => {
    expect([4.2, 12.345, 1234.5, 0.00123, 0].map((value) => valueText(value, false))).toEqual([
      ...['4.2', '12.3', '1,235', '0.00123', '0.0'],
    ]);
    expect(valueText(0.875, true)).toBe('87.5%');
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
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await projectFeatures(clusters(600), 600, dim);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
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
