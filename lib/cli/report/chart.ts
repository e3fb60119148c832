/** Charts of figures over a training, a line a run; text in HTML so that it keeps its size when a chart is narrow. */
import { type Curve, type Curves, figureNames, figureText } from '../curves.ts';
import { type Html, html } from './html.ts';
import { classOfSeries } from './palette.ts';
import { percent } from './results.ts';

const maxPoints = 300;
/** Curves with fewer points have a dot for each. */
const fewPoints = 30;
/** Charts that are in sight at once; the others are folded away. */
const chartsShown = 7;

export interface Series extends Curve {
  readonly name: string;
  /** CSS classes of its colour and dash. */
  readonly look: string;
}

/** A level that curves are compared with. */
export interface Level {
  readonly name: string;
  readonly value: number;
}

export interface Chart {
  /** The figure's name in metrics.jsonl. */
  readonly figure: string;
  /** Also as shares of each curve's start. */
  readonly isRelative: boolean;
  readonly series: readonly Series[];
  readonly levels: readonly Level[];
}

export interface Training {
  readonly name: string;
  readonly curves: Curves;
}

/** Means over equal runs of steps, so that a long training stays a short path. */
function shorten({ epochs, values }: Curve): { epochs: number[]; values: number[] } {
  const run = Math.ceil(values.length / maxPoints);
  const mean = (list: readonly number[], from: number) => {
    const part = list.slice(from, from + run);
    return part.reduce((sum, v) => sum + v, 0) / part.length;
  };
  const starts = Array.from({ length: Math.ceil(values.length / run) }, (_, i) => i * run);
  return { epochs: starts.map((s) => mean(epochs, s)), values: starts.map((s) => mean(values, s)) };
}

/** Centred moving average over about a thirtieth of the curve; narrower at the ends. */
function smooth(values: readonly number[]): number[] {
  const reach = Math.floor(values.length / 60);
  return values.map((_, i) => {
    const r = Math.min(reach, i, values.length - 1 - i);
    let sum = 0;
    for (let j = i - r; j <= i + r; j++) sum += values[j]!;
    return sum / (2 * r + 1);
  });
}

const relativeTo = (values: readonly number[]): number[] => values.map((value) => value / (values[0] || 1));

const range = (values: readonly number[]): [number, number] => [
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
];

/**
 * A chart for each figure that a training has, the loss first.
 * @param levels by the figure that they belong to.
 */
export function chartsOf(
  trainings: readonly Training[],
  levels: Readonly<Record<string, readonly Level[]>> = {},
): Chart[] {
  return figureNames(trainings.map(({ curves }) => curves)).map((figure) => {
    const series = trainings.flatMap(({ name, curves }, i) => {
      const { [figure]: curve } = curves;
      if (curve === undefined) return [];
      const { epochs, values } = shorten(curve);
      return [{ name, look: classOfSeries(i), epochs, values: smooth(values) }];
    });
    return { figure, isRelative: figure === 'loss' && series.length > 1, series, levels: levels[figure] ?? [] };
  });
}

/** Round numbers (1, 2, 2.5 or 5 × 10^n apart) that cover [low, high]. */
export function niceTicks(low: number, high: number, about: number): number[] {
  const span = high - low || Math.abs(high) || 1;
  const magnitude = 10 ** Math.floor(Math.log10(span / about));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * magnitude).find((s) => span / s <= about)!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Curves that would lie flat beside each other's scale are first shown relative to their start. */
function scalesDiffer(series: readonly Series[]): boolean {
  const [low, high] = range(series.flatMap(({ values }) => values));
  return series.some(({ values }) => {
    const [from, to] = range(values);
    return to - from < 0.15 * (high - low);
  });
}

/** How a value of the chart is written. */
export function valueText(value: number, isShare: boolean): string {
  if (isShare) return percent(value);
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return size >= 10 || size === 0 ? value.toFixed(1) : String(Number(value.toPrecision(3)));
}

const tickText = (value: number, isShare: boolean): string =>
  isShare ? `${Number((value * 100).toFixed(1))}%` : value.toLocaleString('en', { maximumSignificantDigits: 4 });

function plot(chart: Chart, key: 'values' | 'relative', epochs: number): Html {
  const { series, levels } = chart;
  const { axis, isShare = false } = figureText(chart.figure);
  const isPercent = isShare || key === 'relative';
  const lines = series.map(({ values }) => (key === 'relative' ? relativeTo(values) : values));
  const shown = key === 'relative' ? [] : levels;
  const ticks = niceTicks(...range([...lines.flat(), ...shown.map(({ value }) => value)]), 5);
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const x = (epoch: number) => ((epoch / epochs) * 1000).toFixed(1);
  const y = (value: number) => (((high - value) / (high - low)) * 1000).toFixed(1);
  const bottom = (value: number) => `bottom:${(((value - low) / (high - low)) * 100).toFixed(2)}%`;
  const xTicks = niceTicks(0, epochs, 6).filter((t) => Number.isInteger(t) && t <= epochs + 1e-9);
  const path = (line: readonly number[], at: readonly number[]) =>
    line.map((v, i) => `${i === 0 ? 'M' : 'L'}${x(at[i]!)} ${y(v)}`).join('');
  const dots = (line: readonly number[], at: readonly number[]) =>
    line.map((v, i) => `M${x(at[i]!)} ${y(v)}h0`).join('');
  return html`<div class="plot ${key}"><span class="yname">${key === 'relative' ? 'share of its start' : axis}</span><div class="area">
${ticks.map((t) => html`<span class="ytick" style="${bottom(t)}">${tickText(t, isPercent)}</span><i class="grid" style="${bottom(t)}"></i>`)}
${shown.map(({ name, value }) => html`<i class="level" style="${bottom(value)}"></i><span class="levelname" style="${bottom(value)}">${name} ${valueText(value, isShare)}</span>`)}
<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
${series.map((s, i) => html`<path class="line ${s.look}" d="${path(lines[i]!, s.epochs)}"/>${s.epochs.length < fewPoints && html`<path class="dots ${s.look}" d="${dots(lines[i]!, s.epochs)}"/>`}`)}</svg>
${xTicks.map((t) => html`<span class="xtick" style="left:${((t / epochs) * 100).toFixed(2)}%">${t}</span>`)}
<i class="rule" hidden></i></div><span class="xname">epoch</span></div>`;
}

/** A line's mark in a legend. */
const dash = (look: string): Html =>
  html`<svg class="dash" viewBox="0 0 28 8" aria-hidden="true"><path class="line ${look}" d="M0 4H28"/></svg>`;

function figureOf(chart: Chart, index: number, epochs: number): Html {
  const { series, isRelative } = chart;
  const { title, explains, isShare = false } = figureText(chart.figure);
  const isRelativeFirst = isRelative && scalesDiffer(series);
  const ends = series
    .map((s) => `${s.name} from ${valueText(s.values[0]!, isShare)} to ${valueText(s.values.at(-1)!, isShare)}`)
    .join('; ');
  const scale = (value: string, text: string, isChecked: boolean) =>
    html`<label><input type="radio" name="scale" value="${value}"${isChecked && html` checked`}><span>${text}</span></label>`;
  return html`<figure class="chart${index === 0 && ' wide'}" data-chart="${index}"><figcaption><h3>${title}</h3><p class="muted">${explains}</p></figcaption>
<div class="controls">${isRelative && html`<fieldset class="tabs"><legend>Scale</legend>${scale('values', 'as computed', !isRelativeFirst)}${scale('relative', 'relative to start', isRelativeFirst)}</fieldset>`}
<ul class="legend">${series.map((s) => html`<li>${series.length > 1 && html`${dash(s.look)} ${s.name} `}<output></output></li>`)}<li class="muted" data-epoch></li></ul></div>
<div class="plots" tabindex="0" role="group" aria-label="${title}. ${ends}. Left and right arrow keys read values.">
${plot(chart, 'values', epochs)}${isRelative && plot(chart, 'relative', epochs)}</div></figure>
`;
}

/** What the charts' script reads. */
export interface ChartData {
  readonly epochs: number;
  readonly isShare: boolean;
  readonly series: readonly { readonly epochs: number[]; readonly values: number[] }[];
}

const round = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(5)));

/** The section of all charts; undefined where nothing was trained. */
export function chartSection(charts: readonly Chart[]): { section: Html; data: ChartData[] } | undefined {
  if (charts.length === 0) return undefined;
  const last = Math.max(...charts.flatMap(({ series }) => series.map(({ epochs }) => epochs.at(-1)!)));
  const epochs = Math.max(1, Math.ceil(last - 1e-6));
  const figures = charts.map((chart, i) => figureOf(chart, i, epochs));
  const section = html`<section aria-labelledby="curves"><h2 id="curves">While training</h2>
<div class="explain"><p>Every figure of metrics.jsonl, over the epochs. Long curves are means over equal numbers of steps, and smoothed; the number
beside a name is the last one, or that under the pointer. The losses
of two methods ask for different things: compare each with its own start, not its height with another's.</p></div>
<div class="charts">${figures.slice(0, chartsShown)}</div>${
    figures.length > chartsShown &&
    html`<details><summary>More figures (${figures.length - chartsShown})</summary><div class="charts">${figures.slice(chartsShown)}</div></details>`
  }</section>`;
  const data = charts.map(({ figure, series }) => ({
    epochs,
    isShare: figureText(figure).isShare ?? false,
    series: series.map((s) => ({ epochs: round(s.epochs), values: round(s.values) })),
  }));
  return { section, data };
}
