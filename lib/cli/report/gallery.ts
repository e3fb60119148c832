/** Test images and their nearest training images by each encoder: one of each class, and the worst mistakes. */
import { breakable, type Html, html } from './html.ts';
import type { Arrangement, EncoderReport, Evaluation } from './report-data.ts';
import { percent } from './results.ts';
import { tile } from './sprite.ts';

function row({ images, classes }: Evaluation, query: number, neighbors: readonly number[], note: Html): Html {
  const { labels } = images;
  const nameOf = (index: number) => classes[labels[index]!]!;
  return html`<li class="query"><div class="asked">${tile(query, `Test image: ${nameOf(query)}`)}<span>${nameOf(query)}</span>
<span class="muted">${note}</span></div><ol class="near">${neighbors.map((n, i) => {
    const same = labels[n] === labels[query];
    return html`<li class="${same ? 'same' : 'other'}">${tile(n, `Neighbour ${i + 1}: ${nameOf(n)}${same ? '' : ' (another class)'}`)}${
      !same && html`<span aria-hidden="true">${nameOf(n)}</span>`
    }</li>`;
  })}</ol></li>
`;
}

function queryPanel(evaluation: Evaluation, encoder: EncoderReport, i: number): Html {
  const { images, queries } = evaluation;
  const { labels } = images;
  const rightOf = (q: number) => encoder.neighbors[q]!.filter((n) => labels[n] === labels[queries[q]!]).length;
  const total = encoder.neighbors.reduce((sum, list) => sum + list.length, 0);
  const right = queries.reduce((sum, _, q) => sum + rightOf(q), 0);
  return html`<div class="panel" data-panel="${i}"><p><b>${encoder.name}</b>: ${right} of ${total} neighbours shown are of the query's class.</p>
<ul class="queries">${queries.map((query, q) =>
    row(evaluation, query, encoder.neighbors[q]!, html`${rightOf(q)} of ${encoder.neighbors[q]!.length}`),
  )}</ul></div>`;
}

export function gallerySection(evaluation: Evaluation): Html | undefined {
  if (evaluation.queries.length === 0) return undefined;
  return html`<section aria-labelledby="gallery"><h2 id="gallery">Test images and their nearest training images</h2>
<div class="explain"><p>For the first test image of ${evaluation.queries.length < new Set(evaluation.labels).size ? 'some classes' : 'each class'} (left), the training images whose features are most similar, the nearest first.
Solid outline: same class. Dashed outline with a name: another class.</p></div>
${evaluation.encoders.map((encoder, i) => queryPanel(evaluation, encoder, i))}</section>`;
}

function mistakePanel(evaluation: Evaluation, encoder: EncoderReport, i: number): Html {
  const { labels, classes, names } = evaluation;
  const { predictions, confidences, mistakes } = encoder;
  const wrong = labels.filter((label, t) => predictions[t] !== label).length;
  const about = `${encoder.name}: ${wrong.toLocaleString('en')} of ${labels.length.toLocaleString('en')} test images are taken for another class.`;
  return html`<div class="panel" data-panel="${i}"><p>${about}${wrong > mistakes.length && ` These ${mistakes.length} have most votes for it.`}</p>
<ul class="queries">${mistakes.map(({ test, image, neighbors }) =>
    row(
      evaluation,
      image,
      neighbors,
      html`taken for ${classes[predictions[test]!]}, ${percent(confidences[test]!)} of votes<br><small>${breakable(names[test]!)}</small>`,
    ),
  )}</ul></div>`;
}

export function mistakeSection(evaluation: Evaluation): Html {
  return html`<section aria-labelledby="mistakes"><h2 id="mistakes">The worst mistakes</h2>
<div class="explain"><p>Test images that kNN gives another class with most votes, and the training images that outvoted it. Sometimes it is the label that is wrong.</p></div>
${evaluation.encoders.map((encoder, i) => mistakePanel(evaluation, encoder, i))}</section>`;
}

/** Of images without labels: what each encoder takes for similar. */
export function plainGallerySection({ encoders, queries }: Arrangement): Html {
  const panels = encoders.map(
    ({ neighbors }, i) =>
      html`<div class="panel" data-panel="${i}"><ul class="queries">${queries.map(
        (
          query,
          q,
        ) => html`<li class="query"><div class="asked">${tile(query, 'Image')}</div><ol class="near plain">${neighbors[
          q
        ]!.map((n, place) => html`<li>${tile(n, `Neighbour ${place + 1}`)}</li>`)}</ol></li>
`,
      )}</ul></div>`,
  );
  return html`<section aria-labelledby="gallery"><h2 id="gallery">Images and their nearest others</h2>
<div class="explain"><p>For some images (left), the others whose features are most similar, the nearest first. Whether they are alike in what
matters to you is the best judge there is without labels.</p></div>
${panels}</section>`;
}
