/** The finding in a sentence, and the table of accuracies. */
import { type Html, html } from './html.ts';
import type { EncoderReport, ReportData } from './report-data.ts';

export const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** Difference in points with its sign; a true minus, and none for zero. */
export function points(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1);
  const sign = text === '0.0' ? '±' : difference > 0 ? '+' : '−';
  return `${sign}${text}`;
}

/** One sentence with the best encoder by kNN. */
export function headline(data: ReportData): Html {
  const [reference, ...trained] = data.encoders;
  if (!reference || trained.length === 0) return html``;
  const best = trained.reduce((a, b) => (b.knnTop1 > a.knnTop1 ? b : a));
  const gain = best.knnTop1 - reference.knnTop1;
  const compared = gain >= 0 ? `${(gain * 100).toFixed(1)} points more` : `${(-gain * 100).toFixed(1)} points fewer`;
  return html`<p class="lead">After training with <b>${best.name}</b>, the nearest neighbours of a test image give its
class correctly for <b>${percent(best.knnTop1)}</b> of ${data.testCount.toLocaleString('en')} images: ${compared} than with the same
network before training (${percent(reference.knnTop1)}).</p>`;
}

function cells(value: number, reference: number, isReference: boolean, isBest: boolean): Html {
  return html`<td class="num"><span class="${isBest ? 'best' : ''}">${percent(value)}</span>
<span class="bar" aria-hidden="true"><i style="width:${(value * 100).toFixed(1)}%"></i></span></td>
<td class="num delta">${isReference ? html`<span class="muted">–</span>` : points(value - reference)}</td>`;
}

export function resultsSection(data: ReportData): Html {
  const { encoders, classes } = data;
  const reference = encoders[0]!;
  const best = (key: 'knnTop1' | 'linearTop1') => Math.max(...encoders.map((encoder) => encoder[key]));
  const [bestKnn, bestLinear] = [best('knnTop1'), best('linearTop1')];
  const row = (encoder: EncoderReport, i: number) => html`<tr><th scope="row">${encoder.name}</th>
${cells(encoder.knnTop1, reference.knnTop1, i === 0, encoder.knnTop1 === bestKnn)}
${cells(encoder.linearTop1, reference.linearTop1, i === 0, encoder.linearTop1 === bestLinear)}</tr>
`;
  return html`<section aria-labelledby="results"><h2 id="results">Accuracy on test images</h2>
<div class="explain"><p>The encoder turns an image into a vector, its features. Training never used the test images, so accuracy
here shows what carries over to new images. Two simple classifiers judge them, with the encoder left as it is:
<b>kNN</b> lets the most similar training images vote; the <b>linear probe</b> learns one weight per feature and class.
Guessing would be right for ${percent(1 / Math.max(1, classes.length))}.</p></div>
<div class="scroll"><table><thead><tr><th scope="col">Encoder</th><th scope="col" class="num">kNN</th>
<th scope="col" class="num delta">points vs ${reference.name.toLowerCase()}</th><th scope="col" class="num">Linear probe</th>
<th scope="col" class="num delta">points vs ${reference.name.toLowerCase()}</th></tr></thead><tbody>
${encoders.map(row)}</tbody></table></div></section>`;
}
