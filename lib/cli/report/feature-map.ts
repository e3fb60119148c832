/** Maps of the test images' features, one per encoder, as vector paths: they print, and need no script to be seen. */
import { Html, html } from './html.ts';
import { classKey, colorOfClass, markOfClass } from './palette.ts';
import type { Arrangement, EncoderReport, Evaluation } from './report-data.ts';
import { percent } from './results.ts';

const SIZE = 1000;
const MARGIN = 24;
/** Images are drawn in turns, so that the last class of sorted ones does not cover the others. */
const ROUNDS = 4;

/** Coordinates fitted into the square, one scale for both axes; integers, (points, 2). */
export function fitMap(map: Float32Array): number[] {
  const xs = map.filter((_, i) => i % 2 === 0);
  const ys = map.filter((_, i) => i % 2 === 1);
  const bounds = (values: Float32Array) =>
    [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)] as const;
  const [[left, right], [bottom, top]] = [bounds(xs), bounds(ys)];
  const scale = (SIZE - 2 * MARGIN) / (Math.max(right - left, top - bottom) || 1);
  const place = (value: number, from: number, to: number) => Math.round(SIZE / 2 + (value - (from + to) / 2) * scale);
  return Array.from(map, (value, i) => (i % 2 === 0 ? place(value, left, right) : place(value, bottom, top)));
}

/** A mark an image, and above them a ring around each whose class kNN got wrong. */
function drawing({ labels, points }: Evaluation, { predictions }: EncoderReport, xy: readonly number[]): Html {
  let marks = '';
  let rings = '';
  for (let round = 0; round < ROUNDS; round++)
    for (let i = round; i < points.length; i += ROUNDS) {
      const { test } = points[i]!;
      const c = labels[test]!;
      const [x, y] = [xy[2 * i]!, xy[2 * i + 1]!];
      marks += `<path class="k${colorOfClass(c)}" data-c="${c}" d="${markOfClass(c, x, y)}"/>`;
      if (predictions[test] !== c)
        rings += `<path class="ring" data-c="${c}" d="M${x - 11} ${y}a11 11 0 1 0 22 0a11 11 0 1 0-22 0"/>`;
    }
  return new Html(marks + rings);
}

interface DrawnMap {
  readonly name: string;
  readonly note: string;
  readonly drawing: Html;
}

const nearness = `placed by UMAP so that images with similar features
lie near each other. Only nearness has meaning: the axes, the size of an island and the distance between islands have none.`;

const pointing = `Point at a mark to see its image, and where the other encoders put it; with the keyboard, the arrow keys walk over a map,
+ and − zoom.`;

/** A canvas for each encoder, and the tip that they share. */
function canvases(drawn: readonly DrawnMap[], count: number): Html {
  const zoom = (way: string, text: string, label: string) =>
    html`<button type="button" data-zoom="${way}" aria-label="${label}">${text}</button>`;
  const figures = drawn.map(
    (
      { name, note, drawing },
      m,
    ) => html`<figure class="map"><figcaption><b>${name}</b> <span class="muted">${note}</span>
<span class="zoom" role="group" aria-label="Zoom">${zoom('out', '−', 'smaller')}${zoom('in', '+', 'larger')}${zoom('all', 'all', 'the whole map')}</span></figcaption>
<div class="canvas" tabindex="0" role="group" data-map="${m}" aria-label="Map of ${name}: ${count} images. ${note} Arrow keys walk from image to image.">
<svg viewBox="0 0 ${SIZE} ${SIZE}" aria-hidden="true">${drawing}<circle class="cursor" r="13" hidden/></svg></div></figure>
`,
  );
  return html`<div class="maps">${figures}</div>
<div class="tip" hidden><span class="im"></span><span></span></div><div class="sr" role="status" data-status></div>`;
}

/** The figures and the fitted coordinates that their script reads. */
export interface MapSection {
  readonly section: Html;
  readonly maps: number[][];
}

export function mapSection(evaluation: Evaluation): MapSection {
  const { encoders, points, labels, classes } = evaluation;
  const maps = encoders.map(({ map }) => fitMap(map));
  const present = new Set(points.map(({ test }) => labels[test]));
  const drawn = encoders.map((encoder, m) => ({
    name: encoder.name,
    note: `kNN ${percent(encoder.knnTop1)}`,
    drawing: drawing(evaluation, encoder, maps[m]!),
  }));
  const section = html`<section aria-labelledby="maps"><h2 id="maps">How each encoder arranges the test images</h2>
<div class="explain"><p>Every mark is one of ${points.length.toLocaleString('en')} test images, ${nearness}
Clean islands of one colour mean that the encoder tells that class apart.</p><p>${pointing} The names switch classes on and off.</p></div>
<div class="classes" role="group" aria-label="Classes shown">${classes.map(
    (name, c) =>
      present.has(c) &&
      html`<button type="button" class="chip" data-c="${c}" aria-pressed="true">${classKey(c)}${name}</button>`,
  )}<span class="pair"><button type="button" class="link" data-all="true">all</button><button type="button" class="link" data-all="false">none</button></span>
<label class="check"><input type="checkbox" id="rings" checked><span><svg class="key" viewBox="0 0 20 20" aria-hidden="true"><circle class="ring" cx="10" cy="10" r="7"/></svg>class that kNN got wrong</span></label></div>
${canvases(drawn, points.length)}</section>`;
  return { section, maps };
}

/** Of images without labels: one kind of mark. */
export function plainMapSection({ encoders, points }: Arrangement): MapSection {
  const maps = encoders.map(({ map }) => fitMap(map));
  const drawn = encoders.map(({ name }, m) => {
    const xy = maps[m]!;
    const marks = points.map(
      (_, i) => `<path class="k0" data-c="0" d="${markOfClass(0, xy[2 * i]!, xy[2 * i + 1]!)}"/>`,
    );
    return { name, note: '', drawing: new Html(marks.join('')) };
  });
  const section = html`<section aria-labelledby="maps"><h2 id="maps">How each encoder arranges the images</h2>
<div class="explain"><p>Every mark is one of ${points.length.toLocaleString('en')} images, ${nearness}</p><p>${pointing}</p></div>
${canvases(drawn, points.length)}</section>`;
  return { section, maps };
}
