/** The page of `compare`: the configs of runs, the differences first, their figures, and their curves over each other. */
import type { ConfigField } from '../config-differences.ts';
import { listed } from '../format.ts';
import { bestOf, type KnnHistory, lastOf } from '../knn-history.ts';
import { chartSection, chartsOf, type Training } from './chart.ts';
import { breakable, type Html, html } from './html.ts';
import { renderPage } from './page.ts';
import { reportStyle } from './report-style.ts';
import { percent } from './results.ts';
import { script } from './script.ts';

export interface Comparison {
  readonly runs: readonly {
    readonly knn: KnnHistory | undefined;
    readonly epochs: number;
    readonly step: number;
    readonly state: string;
  }[];
  readonly names: readonly string[];
  readonly fields: readonly ConfigField[];
  readonly trainings: readonly Training[];
  /** How the kNN accuracies compare. */
  readonly word: string | undefined;
}

const rowsOf = (fields: readonly ConfigField[]): Html[] =>
  fields.map(
    ({ name, values }) =>
      html`<tr><th scope="row">${breakable(name)}</th>${values.map((value) => html`<td class="value">${value ?? '–'}</td>`)}</tr>
`,
  );

function configSection({ names, fields }: Comparison): Html {
  const head = html`<thead><tr><th scope="col">Field</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;
  const [different, equal] = [fields.filter(({ differs }) => differs), fields.filter(({ differs }) => !differs)];
  return html`<section aria-labelledby="configs"><h2 id="configs">What differs</h2>
${different.length === 0 ? html`<p>The configs are the same.</p>` : html`<div class="scroll"><table class="fields">${head}<tbody>${rowsOf(different)}</tbody></table></div>`}
<details><summary>What is the same (${equal.length})</summary><div class="scroll"><table class="fields">${head}<tbody>${rowsOf(equal)}</tbody></table></div></details></section>`;
}

function figureSection({ runs, names }: Comparison): Html {
  const cell = (share: number | undefined) => html`<td class="num">${share === undefined ? '–' : percent(share)}</td>`;
  const rows = runs.map(
    ({ knn, epochs, step, state }, i) =>
      html`<tr><th scope="row">${names[i]}</th><td>${state}</td><td class="num">${epochs}</td><td class="num">${step.toLocaleString('en')}</td>
${cell(knn?.before)}${cell(knn && lastOf(knn).top1)}${cell(knn && bestOf(knn).top1)}<td class="num">${knn?.testImages.toLocaleString('en') ?? '–'}</td></tr>
`,
  );
  return html`<section aria-labelledby="results"><h2 id="results">What came of it</h2>
<div class="scroll"><table><thead><tr><th scope="col">Run</th><th scope="col">State</th><th scope="col" class="num">Epochs</th><th scope="col" class="num">Steps</th>
<th scope="col" class="num">kNN before</th><th scope="col" class="num">kNN at the end</th><th scope="col" class="num">Best kNN</th><th scope="col" class="num">Test images</th></tr></thead><tbody>${rows}</tbody></table></div></section>`;
}

export function renderComparison(comparison: Comparison): string {
  const { names, trainings, word } = comparison;
  const curves = chartSection(chartsOf(trainings));
  return renderPage({
    title: listed(names),
    header: word === undefined ? undefined : html`<p class="lead">${word}</p>`,
    main: html`${configSection(comparison)}
${figureSection(comparison)}
${curves?.section}`,
    css: reportStyle,
    script: { text: script, data: { charts: curves?.data ?? [] } },
  });
}
