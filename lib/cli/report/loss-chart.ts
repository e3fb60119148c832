/** Loss curves: one chart, as reported or relative to each loss's own start; text in HTML so that it keeps its size. */
import { type Html, html } from './html.ts';
import { colorOfSeries } from './palette.ts';
import type { LossCurve, ReportData } from './report-data.ts';

const MAX_POINTS = 300;

export interface Series {
  name: string;
  color: number;
  epochs: number[];
  /** As reported, smoothed. */
  values: number[];
  /** values[0] = 1. */
  relative: number[];
}

/** Means over equal runs of steps, so that a long training stays a short path. */
function shorten({ epochs, values }: LossCurve): { epochs: number[]; values: number[] } {
  const run = Math.ceil(values.length / MAX_POINTS);
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

export function lossSeries(data: ReportData): Series[] {
  return data.encoders
    .filter((encoder) => encoder.loss !== undefined)
    .map((encoder, i) => {
      const { epochs, values } = shorten(encoder.loss!);
      const smoothed = smooth(values);
      const start = smoothed[0] || 1;
      return {
        name: encoder.name,
        color: colorOfSeries(i),
        epochs,
        values: smoothed,
        relative: smoothed.map((v) => v / start),
      };
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

const range = (lists: readonly number[][]): [number, number] => {
  const all = lists.flat();
  return [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
};

/** Curves that would lie flat beside each other's scale are first shown relative to their start. */
function scalesDiffer(series: readonly Series[]): boolean {
  const [low, high] = range(series.map((s) => s.values));
  return series.some((s) => {
    const [from, to] = range([s.values]);
    return to - from < 0.15 * (high - low);
  });
}

function plot(series: readonly Series[], key: 'values' | 'relative', epochs: number): Html {
  const ticks = niceTicks(...range(series.map((s) => s[key])), 5);
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const x = (epoch: number) => ((epoch / epochs) * 1000).toFixed(1);
  const y = (value: number) => (((high - value) / (high - low)) * 1000).toFixed(1);
  const percentOf = (value: number) => (((value - low) / (high - low)) * 100).toFixed(2);
  const xTicks = niceTicks(0, epochs, 10).filter((t) => Number.isInteger(t) && t <= epochs + 1e-9);
  const label = (value: number) => (key === 'relative' ? `${Number((value * 100).toFixed(1))}%` : String(value));
  const path = (s: Series) => s[key].map((v, i) => `${i === 0 ? 'M' : 'L'}${x(s.epochs[i]!)} ${y(v)}`).join('');
  return html`<div class="plot ${key}" data-key="${key}"><div class="area">
${ticks.map((t) => html`<span class="ytick" style="bottom:${percentOf(t)}%">${label(t)}</span><i class="grid" style="bottom:${percentOf(t)}%"></i>`)}
<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
${series.map((s, i) => html`<path class="line e${s.color} d${i % 4}" d="${path(s)}"/>`)}</svg>
${xTicks.map((t) => html`<span class="xtick" style="left:${((t / epochs) * 100).toFixed(2)}%">${t}</span>`)}
<i class="rule" hidden></i></div><span class="xname">epoch</span></div>`;
}

/** The figure and the data that its script reads; undefined when nothing was trained. */
export function lossSection(data: ReportData): { section: Html; series: Series[]; epochs: number } | undefined {
  const series = lossSeries(data);
  if (series.length === 0) return undefined;
  const epochs = Math.max(1, Math.ceil(Math.max(...series.map((s) => s.epochs.at(-1)!)) - 1e-6));
  const relativeFirst = series.length > 1 && scalesDiffer(series);
  const ends = series
    .map((s) => `${s.name} from ${s.values[0]!.toFixed(2)} to ${s.values.at(-1)!.toFixed(2)}`)
    .join('; ');
  const section = html`<section aria-labelledby="loss"><h2 id="loss">Loss while training</h2>
<div class="explain"><p>The loss is low when views that belong together lie close and all others lie apart. A curve that falls means
that the encoder is learning. The methods ask for different things (SimCLR: two views of one image; SupCon: all images of
a class), so compare each curve with its own start, not its height with another's. Lines are smoothed.</p></div>
<figure class="loss"><div class="controls"><fieldset class="tabs"><legend>Scale</legend>
<label><input type="radio" name="scale" value="values" ${!relativeFirst && html`checked`}><span>as computed</span></label>
<label><input type="radio" name="scale" value="relative" ${relativeFirst && html`checked`}><span>relative to start</span></label></fieldset>
<ul class="legend">${series.map(
    (
      s,
      i,
    ) => html`<li><svg class="dash" viewBox="0 0 28 8" aria-hidden="true"><path class="line e${s.color} d${i % 4}" d="M0 4H28"/></svg>
${s.name} <output data-series="${i}"></output></li>`,
  )}<li class="muted" data-epoch></li></ul></div>
<div class="plots" tabindex="0" role="group" aria-label="Loss curves. ${ends}. Left and right arrow keys read values.">
${plot(series, 'values', epochs)}${plot(series, 'relative', epochs)}</div></figure></section>`;
  return { section, series, epochs };
}
