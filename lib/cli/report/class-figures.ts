/** Which classes an encoder tells apart: accuracy by class, and the confusion matrix. */
import { wilsonInterval } from '../../evaluate/proportion.ts';
import { type Html, html } from './html.ts';
import { classKey } from './palette.ts';
import type { EncoderReport, Evaluation } from './report-data.ts';
import { percent } from './results.ts';

/** A matrix of more classes cannot be read. */
const mostInMatrix = 30;
const confusionsShown = 5;

/** counts[c][p]: test images of class c that were taken for class p. */
export function confusionOf({ classes, labels }: Evaluation, { predictions }: EncoderReport): number[][] {
  const counts = classes.map(() => new Array<number>(classes.length).fill(0));
  for (const [i, label] of labels.entries()) (counts[label] as number[])[predictions[i] as number]!++;
  return counts;
}

const sumOf = (row: readonly number[]): number => row.reduce((sum, count) => sum + count, 0);

function classTable({ classes }: Evaluation, counts: readonly (readonly number[])[]): Html {
  const rows = classes.map((name, c) => {
    const row = counts[c] as number[];
    const total = sumOf(row);
    if (total === 0)
      return html`<tr><th scope="row">${classKey(c)}${name}</th><td class="num muted">–</td><td></td><td class="num">0</td></tr>`;
    const share = (row[c] as number) / total;
    const [low, high] = wilsonInterval(share, total);
    return html`<tr><th scope="row">${classKey(c)}${name}</th><td class="num">${percent(share)}</td>
<td class="interval" title="${percent(low)} to ${percent(high)}"><span aria-hidden="true"><i style="left:${(low * 100).toFixed(1)}%;right:${(100 - high * 100).toFixed(1)}%"></i><b style="left:${(share * 100).toFixed(1)}%"></b></span><span class="sr">${percent(low)} to ${percent(high)}</span></td><td class="num muted">${total}</td></tr>
`;
  });
  return html`<div class="scroll"><table class="byclass"><thead><tr><th scope="col">Class</th><th scope="col" class="num">right</th>
<th scope="col" class="scale"><span>0%</span><span>95% interval</span><span>100%</span></th><th scope="col" class="num">images</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function matrix({ classes }: Evaluation, counts: readonly (readonly number[])[]): Html {
  const cell = (count: number, total: number, isRight: boolean, title: string) => {
    const share = total === 0 ? 0 : count / total;
    return html`<td class="${isRight ? 'right' : 'wrong'}" style="--v:${share.toFixed(3)}" title="${title}">${count > 0 && count}</td>`;
  };
  return html`<div class="scroll"><table class="matrix"><caption>Rows: the class. Columns: what kNN took it for.</caption>
<thead><tr><td></td>${classes.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead><tbody>
${counts.map((row, c) => {
  const total = sumOf(row);
  return html`<tr><th scope="row">${classes[c]}</th>${row.map((count, p) => cell(count, total, c === p, `${classes[c]} taken for ${classes[p]}: ${count} of ${total}`))}</tr>
`;
})}</tbody></table></div>`;
}

function confusions({ classes }: Evaluation, counts: readonly (readonly number[])[]): Html {
  const all = counts.flatMap((row, c) => row.map((count, p) => ({ c, p, count, total: sumOf(row) })));
  const worst = all
    .filter(({ c, p, count }) => c !== p && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, confusionsShown);
  if (worst.length === 0) return html`<p>No test image was taken for another class.</p>`;
  return html`<p>Most often confused: ${worst.map(
    ({ c, p, count, total }, i) =>
      html`${i > 0 && '; '}<b>${classes[c]}</b> taken for <b>${classes[p]}</b> (${count} of ${total})`,
  )}.</p>`;
}

/** Both, of each encoder; the chosen one is shown. */
export function classSection(evaluation: Evaluation): Html {
  const { encoders, classes } = evaluation;
  const panels = encoders.map((encoder, i) => {
    const counts = confusionOf(evaluation, encoder);
    return html`<div class="panel" data-panel="${i}">${confusions(evaluation, counts)}<div class="beside">${classTable(evaluation, counts)}${
      classes.length <= mostInMatrix && matrix(evaluation, counts)
    }</div></div>`;
  });
  return html`<section aria-labelledby="classes"><h2 id="classes">Class by class</h2>
<div class="explain"><p>What kNN makes of the test images of each class. With few images of a class its interval is wide: do not read more from it.</p></div>
${panels}</section>`;
}
