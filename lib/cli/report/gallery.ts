/** Query images and their nearest training images by each encoder. */
import { type Html, html } from './html.ts';
import type { EncoderReport, ReportData } from './report-data.ts';
import { tile } from './sprite.ts';

function row(data: ReportData, query: number, neighbors: readonly number[]): Html {
  const { labels } = data.images;
  const nameOf = (index: number) => data.classes[labels[index]!]!;
  const right = neighbors.filter((n) => labels[n] === labels[query]).length;
  return html`<li class="query"><div class="asked">${tile(query, `Test image: ${nameOf(query)}`)}<span>${nameOf(query)}</span>
<span class="muted">${right} of ${neighbors.length}</span></div><ol class="near">${neighbors.map((n, i) => {
    const same = labels[n] === labels[query];
    return html`<li class="${same ? 'same' : 'other'}">${tile(n, `Neighbour ${i + 1}: ${nameOf(n)}${same ? '' : ' (another class)'}`)}${
      !same && html`<span aria-hidden="true">${nameOf(n)}</span>`
    }</li>`;
  })}</ol></li>
`;
}

function panel(data: ReportData, encoder: EncoderReport, i: number): Html {
  const { labels } = data.images;
  const neighbors = encoder.neighbors!;
  const total = neighbors.reduce((sum, list) => sum + list.length, 0);
  const right = neighbors.reduce(
    (sum, list, q) => sum + list.filter((n) => labels[n] === labels[data.queries[q]!]).length,
    0,
  );
  return html`<div class="panel" data-panel="${i}"><p><b>${encoder.name}</b>: ${right} of ${total} neighbours shown are of the query's class.</p>
<ul class="queries">${data.queries.map((query, q) => row(data, query, neighbors[q]!))}</ul></div>`;
}

/** The gallery, the last encoder shown first; undefined when no encoder has neighbours. */
export function gallerySection(data: ReportData): Html | undefined {
  const shown = data.encoders.filter((encoder) => encoder.neighbors !== undefined);
  if (shown.length === 0 || data.queries.length === 0) return undefined;
  return html`<section class="gallery" aria-labelledby="gallery"><h2 id="gallery">Test images and their nearest training images</h2>
<div class="explain"><p>For each test image (left), the training images whose features are most similar, the nearest first.
Solid outline: same class. Dashed outline with a name: another class. Choose an encoder and see what it takes for similar.</p></div>
<fieldset class="tabs"><legend>Encoder</legend>${shown.map(
    (encoder, i) =>
      html`<label><input type="radio" name="encoder" value="${i}"${i === shown.length - 1 && html` checked`}><span>${encoder.name}</span></label>`,
  )}</fieldset>
${shown.map((encoder, i) => panel(data, encoder, i))}</section>`;
}

/** With :has, only the chosen panel shows; without, all do. */
export function galleryCss(count: number): string {
  const rules = Array.from(
    { length: count },
    (_, i) => `.gallery:has(input[value="${i}"]:checked) [data-panel="${i}"]{display:block}`,
  );
  return `@supports selector(:has(*)){.panel{display:none}\n${rules.join('\n')}}`;
}
