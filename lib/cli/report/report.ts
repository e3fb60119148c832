/** The report of a run: one HTML file that needs nothing else, from plain data. */
import { createHash } from 'node:crypto';
import { mapSection } from './feature-map.ts';
import { galleryCss, gallerySection } from './gallery.ts';
import { Html, html, scriptJson } from './html.ts';
import { lossSection } from './loss-chart.ts';
import { checkReportData, type ReportData } from './report-data.ts';
import { headline, resultsSection } from './results.ts';
import { script } from './script.ts';
import { SPRITE_COLUMNS, spriteCss } from './sprite.ts';
import { style } from './style.ts';

/**
 * Renders a run as a self-contained page: facts, accuracies, loss curves, 2-D maps and a nearest-neighbour gallery.
 * It loads nothing (its Content-Security-Policy forbids it); names from data sets are escaped.
 *
 * @throws {DataError} data that does not fit together (`checkReportData`).
 */
export function renderReport(data: ReportData): string {
  checkReportData(data);
  const loss = lossSection(data);
  const maps = mapSection(data);
  const round = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(5)));
  const payload = {
    classes: data.classes,
    columns: SPRITE_COLUMNS,
    labels: data.points.map((index) => data.images.labels[index]),
    tiles: data.points,
    maps: maps?.maps ?? [],
    loss: loss && {
      epochs: loss.epochs,
      series: loss.series.map((s) => ({
        epochs: round(s.epochs),
        values: round(s.values),
        relative: round(s.relative),
      })),
    },
  };
  const scriptHash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${data.title}</title>
<style>${new Html(style + spriteCss(data.images) + galleryCss(data.encoders.length))}</style></head>
<body><header><h1>${data.title}</h1>${headline(data)}
<dl class="facts">${data.facts.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl></header>
<main>${resultsSection(data)}
${loss?.section}
${maps?.section}
${gallerySection(data)}</main>
<footer>Made by contrastive. This file holds all its data and loads nothing from elsewhere.</footer>
<script type="application/json" id="data">${scriptJson(payload)}</script>
<script>${new Html(script)}</script></body></html>
`.text;
}
