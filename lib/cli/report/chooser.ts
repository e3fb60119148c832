/** Which encoder the sections below show. */
import { type Html, html } from './html.ts';

/** Stays in sight while one reads. Nothing with one encoder. @param first the one that is chosen at first. */
export function chooser(encoders: readonly { readonly name: string }[], first: number): Html | false {
  return (
    encoders.length > 1 &&
    html`<fieldset class="tabs chooser"><legend>Encoder</legend>${encoders.map(
      ({ name }, i) =>
        html`<label><input type="radio" name="encoder" value="${i}"${i === first && html` checked`}><span>${name}</span></label>`,
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
