/** Maps of the test images' features, one per encoder, as vector paths: they print, and need no script to be seen. */
import { Html, html } from './html.ts';
import { classKey, colorOfClass, markOfClass } from './palette.ts';
import type { ReportData } from './report-data.ts';
import { percent } from './results.ts';

const SIZE = 1000;
const MARGIN = 24;
/** Classes are drawn in turns, so that the last one does not cover the others. */
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

function drawing(xy: readonly number[], labels: readonly number[], classCount: number): Html {
  let out = '';
  for (let round = 0; round < ROUNDS; round++) {
    for (let c = 0; c < classCount; c++) {
      let d = '';
      for (let i = round; i < labels.length; i += ROUNDS)
        if (labels[i] === c) d += markOfClass(c, xy[2 * i]!, xy[2 * i + 1]!);
      if (d) out += `<path class="k${colorOfClass(c)}" data-c="${c}" d="${d}"/>`;
    }
  }
  return new Html(out);
}

/** The figures and the fitted coordinates that their script reads; undefined when there is no map. */
export function mapSection(data: ReportData): { section: Html; maps: number[][] } | undefined {
  const shown = data.encoders.filter((encoder) => encoder.map !== undefined && encoder.map.length > 0);
  if (shown.length === 0) return undefined;
  const labels = data.points.map((index) => data.images.labels[index]!);
  const maps = shown.map((encoder) => fitMap(encoder.map!));
  const present = data.classes.map((_, c) => labels.includes(c));
  const section = html`<section aria-labelledby="maps"><h2 id="maps">How each encoder arranges the test images</h2>
<div class="explain"><p>Every mark is one of ${data.points.length.toLocaleString('en')} test images, placed by UMAP so that images with similar features
lie near each other. Clean islands of one colour mean that the encoder tells that class apart. Only nearness has meaning: the axes,
the size of an island and the distance between islands have none.</p><p>Point at a mark to see its image, and where the other encoders put it;
with the keyboard, the arrow keys walk over a map. The names switch classes on and off.</p></div>
<div class="classes" role="group" aria-label="Classes shown">${data.classes.map(
    (name, c) =>
      present[c]! &&
      html`<button type="button" class="chip" data-c="${c}" aria-pressed="true">${classKey(c)}${name}</button>`,
  )}<span class="pair"><button type="button" class="link" data-all="true">all</button><button type="button" class="link" data-all="false">none</button></span></div>
<div class="maps">${shown.map(
    (
      encoder,
      m,
    ) => html`<figure class="map"><figcaption><b>${encoder.name}</b> <span class="muted">kNN ${percent(encoder.knnTop1)}</span></figcaption>
<div class="canvas" tabindex="0" role="group" data-map="${m}" aria-label="Map of ${encoder.name}: ${data.points.length} test images, kNN accuracy ${percent(encoder.knnTop1)}. Arrow keys walk from image to image.">
<svg viewBox="0 0 ${SIZE} ${SIZE}" aria-hidden="true">${drawing(maps[m]!, labels, data.classes.length)}<circle class="cursor" r="13" hidden/></svg></div></figure>
`,
  )}</div>
<div class="tip" hidden><span class="im"></span><span></span></div><div class="sr" role="status" data-status></div></section>`;
  return { section, maps };
}
