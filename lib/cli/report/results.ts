/** The finding in a sentence, and the table of accuracies. */
import { sharesDiffer, wilsonInterval } from '../../evaluate/proportion.ts';
import { type Html, html } from './html.ts';
import type { EncoderReport, Evaluation } from './report-data.ts';

export const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** Difference in points with its sign; a true minus, and none for zero. */
export function points(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1);
  const sign = text === '0.0' ? '±' : difference > 0 ? '+' : '−';
  return `${sign}${text}`;
}

/** The encoder with the highest kNN accuracy, by its place; of equals, the last. The reference only where it is alone. */
export function bestEncoder({ encoders, hasReference }: Evaluation): number {
  const first = hasReference && encoders.length > 1 ? 1 : 0;
  return encoders.reduce(
    (best, encoder, i) => (i >= first && encoder.knnTop1 >= (encoders[best] as EncoderReport).knnTop1 ? i : best),
    first,
  );
}

/** One sentence with the best encoder by kNN. */
export function headline(evaluation: Evaluation): Html {
  const { encoders, labels, hasReference, chanceTop1 } = evaluation;
  const best = encoders[bestEncoder(evaluation)] as EncoderReport;
  const [reference] = encoders;
  const isCompared = hasReference && encoders.length > 1;
  const before = isCompared ? (reference as EncoderReport).knnTop1 : chanceTop1;
  const gain = best.knnTop1 - before;
  const isSure = sharesDiffer(best.knnTop1, before, labels.length);
  const size = Math.abs(gain * 100).toFixed(1);
  const difference = size === '0.0' ? 'as many as' : `${size} points ${gain > 0 ? 'more' : 'fewer'} than`;
  const than = isCompared ? 'with the same network untrained' : 'by always naming the most frequent class';
  const equals = encoders.filter(
    (other, i) =>
      other !== best && !(hasReference && i === 0) && !sharesDiffer(other.knnTop1, best.knnTop1, labels.length),
  );
  return html`<p class="lead">With the encoder <b>${best.name}</b>, the nearest neighbours of a test image give its
class correctly for ${isSure ? html`<b>${percent(best.knnTop1)}</b>` : percent(best.knnTop1)} of ${labels.length.toLocaleString('en')} images: ${difference} ${than}
(${percent(before)})${isSure || size === '0.0' ? '.' : `, which is within the noise of ${labels.length.toLocaleString('en')} images.`}${
    equals.length > 0 &&
    html` Within noise, ${equals.map(({ name }, i) => html`${i > 0 && ', '}<b>${name}</b>`)} ${equals.length === 1 ? 'is' : 'are'} as good.`
  }</p>`;
}

type Figure = 'knnTop1' | 'linearTop1' | 'fineTuneTop1';

/** Whether an encoder is ahead of every other one that has the figure, beyond noise. */
const isAhead = ({ encoders, labels }: Evaluation, i: number, figure: Figure, own: number): boolean => {
  const others = encoders.flatMap(({ [figure]: other }, j) => (i === j || other === undefined ? [] : [other]));
  return others.length > 0 && others.every((other) => own > other && sharesDiffer(own, other, labels.length));
};

/** A figure, and how it differs from that of the reference where this has it. */
function cells(evaluation: Evaluation, i: number, figure: Figure): Html {
  const { encoders, labels, hasReference } = evaluation;
  const { [figure]: value } = encoders[i] as EncoderReport;
  const { [figure]: reference } = encoders[0] as EncoderReport;
  const dash = html`<span class="muted">–</span>`;
  if (value === undefined) return html`<td class="num">${dash}</td>`;
  const [low, high] = wilsonInterval(value, labels.length);
  const isNoise = reference !== undefined && !sharesDiffer(value, reference, labels.length);
  return html`<td class="num"><span class="${isAhead(evaluation, i, figure, value) && 'best'}">${percent(value)}</span>
<span class="muted range">${percent(low)} – ${percent(high)}</span>
<span class="bar" aria-hidden="true"><i style="width:${(value * 100).toFixed(1)}%"></i></span></td>${
    hasReference &&
    reference !== undefined &&
    html`<td class="num delta">${i === 0 ? dash : points(value - reference)}${i > 0 && isNoise && html`<span class="muted range">within noise</span>`}</td>`
  }`;
}

export function resultsSection(evaluation: Evaluation): Html {
  const { encoders, hasReference, doubt, labels, chanceTop1, trainImages } = evaluation;
  const versus =
    hasReference && html`<th scope="col" class="num delta">points vs ${encoders[0]?.name.toLowerCase()}</th>`;
  const isTuned = encoders.some(({ fineTuneTop1 }) => fineTuneTop1 !== undefined);
  const row = (encoder: EncoderReport, i: number) => html`<tr><th scope="row">${encoder.name}</th>
${cells(evaluation, i, 'knnTop1')}
${cells(evaluation, i, 'linearTop1')}${isTuned && cells(evaluation, i, 'fineTuneTop1')}</tr>
`;
  return html`<section aria-labelledby="results"><h2 id="results">Accuracy on test images</h2>
<div class="explain"><p>The encoder turns an image into a vector, its features. ${
    doubt === undefined
      ? `Training never used the ${labels.length.toLocaleString('en')} test images, so accuracy here shows what carries over to new images.`
      : html`<b>The test images may be nothing new to it</b>: ${doubt}.`
  } Two simple classifiers of ${trainImages.toLocaleString('en')} training images judge them, with the
encoder left as it is: <b>kNN</b> lets the ${Math.min(20, trainImages)} most similar training images vote; the <b>linear probe</b> learns one weight per feature and class.${isTuned && html` <b>Fine-tuned</b> is the run's own classifier.`}
Always naming the most frequent class would be right for ${percent(chanceTop1)}.</p>
<p>Below each accuracy is its 95% interval (Wilson). Bold is ahead of all others by more than noise, “within noise” is not: a test of two proportions at 5%.</p></div>
<div class="scroll"><table><thead><tr><th scope="col">Encoder</th><th scope="col" class="num">kNN</th>
${versus}<th scope="col" class="num">Linear probe</th>
${versus}${isTuned && html`<th scope="col" class="num">Fine-tuned</th>`}</tr></thead><tbody>
${encoders.map(row)}</tbody></table></div></section>`;
}
