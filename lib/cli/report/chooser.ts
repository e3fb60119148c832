/** Which encoder the sections below show. */
import { type Html, html } from './html.ts';
import type { Evaluation } from './report-data.ts';
import { bestEncoder } from './results.ts';

/** Stays in sight while one reads; the best encoder is chosen first. Nothing with one encoder. */
export function chooser(evaluation: Evaluation): Html | false {
  const { encoders } = evaluation;
  const best = bestEncoder(evaluation);
  return (
    encoders.length > 1 &&
    html`<fieldset class="tabs chooser"><legend>Encoder</legend>${encoders.map(
      ({ name }, i) =>
        html`<label><input type="radio" name="encoder" value="${i}"${i === best && html` checked`}><span>${name}</span></label>`,
    )}</fieldset>`
  );
}

/** With :has, only the chosen encoder's panels show; without, all do. */
export function chooserCss(count: number): string {
  if (count < 2) return '';
  const rules = Array.from(
    { length: count },
    (_, i) => `body:has(.chooser input[value="${i}"]:checked) [data-panel="${i}"]{display:block}`,
  );
  return `@supports selector(:has(*)){.panel{display:none}\n${rules.join('\n')}}`;
}
