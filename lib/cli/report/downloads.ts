/** The page's figures as files, inside the page. */
import { wilsonInterval } from '../../evaluate/proportion.ts';
import type { Chart } from './chart.ts';
import { type Html, html } from './html.ts';
import type { Evaluation, ReportData } from './report-data.ts';

const cell = (value: string | number): string => {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Comma-separated values by RFC 4180, but for the ends of lines. */
const csv = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => `${row.map(cell).join(',')}\n`).join('');

/** A row a point of a curve, as the charts show it. */
export const curvesCsv = (charts: readonly Chart[]): string =>
  csv([
    ['training', 'figure', 'epoch', 'value'],
    ...charts.flatMap(({ figure, series }) =>
      series.flatMap(({ name, epochs, values }) =>
        values.map((value, i) => [name, figure, epochs[i] as number, value]),
      ),
    ),
  ]);

/** A row a test image: its class, and what each encoder's neighbours say. */
export const predictionsCsv = ({ classes, labels, names, encoders }: Evaluation): string =>
  csv([
    ['image', 'class', ...encoders.flatMap(({ name }) => [`${name}: class`, `${name}: votes`])],
    ...labels.map((label, i) => [
      names[i] as string,
      classes[label] as string,
      ...encoders.flatMap(({ predictions, confidences }) => [
        classes[predictions[i] as number] as string,
        Number((confidences[i] as number).toFixed(4)),
      ]),
    ]),
  ]);

/** What the page says in numbers, of the whole. */
export function summaryJson({ title, facts, notes, commands, evaluation }: ReportData): string {
  const count = evaluation?.labels.length ?? 0;
  const figures = evaluation && {
    trainImages: evaluation.trainImages,
    testImages: count,
    chanceTop1: evaluation.chanceTop1,
    encoders: evaluation.encoders.map(({ name, knnTop1, linearTop1, fineTuneTop1 }) => {
      const shares = { knnTop1, linearTop1, ...(fineTuneTop1 !== undefined && { fineTuneTop1 }) };
      const intervals = Object.entries(shares).map(([figure, share]) => [figure, wilsonInterval(share, count)]);
      return { name, ...shares, intervals: Object.fromEntries(intervals) };
    }),
  };
  return `${JSON.stringify({ title, facts, notes, commands, ...figures }, null, 2)}\n`;
}

const link = (name: string, type: string, text: string): Html =>
  html`<a class="file" download="${name}" href="data:${type};charset=utf-8;base64,${Buffer.from(text).toString('base64')}">${name}</a>`;

export const downloads = (data: ReportData, charts: readonly Chart[]): Html =>
  html`<p class="files">${link('summary.json', 'application/json', summaryJson(data))}
${data.evaluation && link('predictions.csv', 'text/csv', predictionsCsv(data.evaluation))}
${charts.length > 0 && link('curves.csv', 'text/csv', curvesCsv(charts))}</p>`;
