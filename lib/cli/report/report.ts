/** The report of one run or several: one HTML file that needs nothing else, from plain data. */
import { chartSection, chartsOf } from './chart.ts';
import { chooser, chooserCss } from './chooser.ts';
import { classSection } from './class-figures.ts';
import { downloads } from './downloads.ts';
import { mapSection } from './feature-map.ts';
import { gallerySection, mistakeSection } from './gallery.ts';
import { type Html, html } from './html.ts';
import { renderPage } from './page.ts';
import { checkReportData, type ReportData } from './report-data.ts';
import { headline, resultsSection } from './results.ts';
import { SPRITE_COLUMNS, spriteCss } from './sprite.ts';

function header({ evaluation, facts, notes }: ReportData): Html {
  return html`${evaluation && headline(evaluation)}
<dl class="facts">${facts.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
${notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}`;
}

/**
 * Renders a page of facts, accuracies, curves, classes, 2-D maps, mistakes and a nearest-neighbour gallery, with its figures as
 * files to download. Names from data sets are escaped.
 *
 * @throws {DataError} data that does not fit together (`checkReportData`).
 */
export function renderReport(data: ReportData): string {
  checkReportData(data);
  const { title, trainings, levels, commands, evaluation } = data;
  const charts = chartsOf(trainings, levels);
  const curves = chartSection(charts);
  const maps = evaluation && mapSection(evaluation);
  const points = evaluation?.points ?? [];
  return renderPage({
    title,
    header: header(data),
    main: html`${evaluation && resultsSection(evaluation)}
${curves?.section}
${maps?.section}
${evaluation && html`${chooser(evaluation)}${classSection(evaluation)}${mistakeSection(evaluation)}${gallerySection(evaluation)}`}
<section aria-labelledby="again"><h2 id="again">The figures, and how to get them again</h2>${downloads(data, charts)}
${commands.length > 0 && html`<pre>${commands.join('\n')}</pre>`}</section>`,
    css: evaluation ? spriteCss(evaluation.images) + chooserCss(evaluation.encoders.length) : '',
    data: {
      charts: curves?.data ?? [],
      classes: evaluation?.classes ?? [],
      columns: SPRITE_COLUMNS,
      labels: points.map(({ test }) => evaluation?.labels[test]),
      tiles: points.map(({ image }) => image),
      predictions: evaluation?.encoders.map(({ predictions }) => points.map(({ test }) => predictions[test])) ?? [],
      maps: maps?.maps ?? [],
    },
  });
}
