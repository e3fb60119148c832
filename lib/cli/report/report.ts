/** The report of one run or several: one HTML file that needs nothing else, from plain data. */
import { chartSection, chartsOf } from './chart.ts';
import { chooser, chooserCss } from './chooser.ts';
import { classSection } from './class-figures.ts';
import { downloads } from './downloads.ts';
import { mapSection, plainMapSection } from './feature-map.ts';
import { gallerySection, mistakeSection, plainGallerySection } from './gallery.ts';
import { breakable, type Html, html } from './html.ts';
import { renderPage } from './page.ts';
import { type Arrangement, checkReportData, type Evaluation, type ReportData } from './report-data.ts';
import { reportStyle } from './report-style.ts';
import { bestEncoder, headline, resultsSection } from './results.ts';
import { script } from './script.ts';
import { sheetSize, spriteCss } from './sprite.ts';

function header({ evaluation, facts, notes }: ReportData): Html {
  return html`${evaluation && headline(evaluation)}
<dl class="facts">${facts.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${breakable(value)}</dd></div>`)}</dl>
${notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}`;
}

/**
 * Renders a page of facts, accuracies, curves, classes, 2-D maps, mistakes and a nearest-neighbour gallery, with its figures as
 * files to download. Names from data sets are escaped.
 *
 * @throws {DataError} data that does not fit together (`checkReportData`); larger images, and sharp is not installed.
 */
export async function renderReport(data: ReportData): Promise<string> {
  checkReportData(data);
  const { title, trainings, levels, commands, evaluation, arrangement } = data;
  const charts = chartsOf(trainings, levels);
  const curves = chartSection(charts);
  const images = (evaluation ?? arrangement)?.images;
  const shown = evaluation ? partsOf(evaluation) : arrangement && plainPartsOf(arrangement);
  return renderPage({
    title,
    header: header(data),
    main: html`${evaluation && resultsSection(evaluation)}
${curves?.section}
${shown?.sections}
<section aria-labelledby="again"><h2 id="again">The figures, and how to get them again</h2>${downloads(data, charts)}
${commands.length > 0 && html`<pre>${commands.join('\n')}</pre>`}</section>`,
    css: reportStyle + (shown?.css ?? '') + (images === undefined ? '' : await spriteCss(images)),
    script: { text: script, data: { charts: curves?.data ?? [], ...shown?.data } },
  });
}

/** What a page shows of encoders, and what its script reads of that. */
interface Parts {
  readonly sections: Html;
  readonly css: string;
  readonly data: object;
}

function partsOf(evaluation: Evaluation): Parts {
  const { encoders, points, labels, classes } = evaluation;
  const { section, maps } = mapSection(evaluation);
  return {
    sections: html`${section}
${chooser(encoders, bestEncoder(evaluation))}${classSection(evaluation)}${mistakeSection(evaluation)}${gallerySection(evaluation)}`,
    css: chooserCss(encoders.length),
    data: {
      ...{ maps, classes, sheet: sheetSize },
      labels: points.map(({ test }) => labels[test]),
      tiles: points.map(({ image }) => image),
      predictions: encoders.map(({ predictions }) => points.map(({ test }) => predictions[test])),
    },
  };
}

/** Without labels, all images are of one class that has no name. */
function plainPartsOf(arrangement: Arrangement): Parts {
  const { encoders, points } = arrangement;
  const { section, maps } = plainMapSection(arrangement);
  const labels = points.map(() => 0);
  return {
    sections: html`${section}
${chooser(encoders, encoders.length - 1)}${plainGallerySection(arrangement)}`,
    css: chooserCss(encoders.length),
    data: {
      ...{ maps, classes: [''], sheet: sheetSize, labels, tiles: points },
      predictions: encoders.map(() => labels),
    },
  };
}
