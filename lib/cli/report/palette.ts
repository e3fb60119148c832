/** Class colours and marks that stay apart for colour-blind readers: ten hues, and a shape beside each. */
import { Html } from './html.ts';

/** Petroff 2021 (arXiv:2107.02270), ten colours, in an order that keeps neighbours apart; darkened where too pale on white. */
const LIGHT = [
  '#3f90da',
  '#e68f00',
  '#bd1f01',
  '#7f9290',
  '#832db6',
  '#a96b59',
  '#e76300',
  '#a39846',
  '#5b6070',
  '#4bb5bb',
];
/** The same hues, lifted for a dark ground. */
const DARK = [
  '#5fa8ec',
  '#ffb733',
  '#f0533a',
  '#a9b9b7',
  '#b57be6',
  '#c89480',
  '#ff8a3d',
  '#d2c67e',
  '#9096a8',
  '#92dadd',
];

/** Okabe & Ito 2008, for the runs of a chart. */
const SERIES_LIGHT = ['#0072b2', '#d55e00', '#00805c', '#a1487c'];
const SERIES_DARK = ['#56b4e9', '#ff8c42', '#2fc79a', '#e59ac4'];

const variables = (prefix: string, colors: readonly string[]) =>
  colors.map((color, i) => `--${prefix}${i}:${color}`).join(';');

export const lightColors = `${variables('k', LIGHT)};${variables('e', SERIES_LIGHT)}`;
export const darkColors = `${variables('k', DARK)};${variables('e', SERIES_DARK)}`;

export const classColors = LIGHT.map(
  (_, i) => `.k${i}{fill:var(--k${i});stroke:color-mix(in srgb,var(--k${i}) 70%,var(--edge))}`,
).join('\n');
export const seriesColors = SERIES_LIGHT.map((_, i) => `.e${i}{--c:var(--e${i})}`).join('\n');

export const colorOfClass = (index: number): number => index % LIGHT.length;
/** With more than four runs a colour returns with another dash (16 pairs). */
export const classOfSeries = (index: number): string => {
  const color = index % SERIES_LIGHT.length;
  return `e${color} d${(index + Math.floor(index / SERIES_LIGHT.length)) % 4}`;
};

/** Marks centred at (x, y) as SVG path data, about equal in area: circle, square, triangle, diamond. */
const marks: ((x: number, y: number) => string)[] = [
  (x, y) => `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0`,
  (x, y) => `M${x - 5} ${y - 5}h10v10h-10z`,
  (x, y) => `M${x} ${y - 8}l7 13h-14z`,
  (x, y) => `M${x} ${y - 8}l7 8l-7 8l-7-8z`,
];

/** The mark of a class: with more than ten classes a colour returns with another shape (40 pairs). */
export function markOfClass(index: number, x: number, y: number): string {
  return marks[(index + Math.floor(index / LIGHT.length)) % marks.length]!(x, y);
}

/** The mark as a small picture for legends. */
export function classKey(index: number): Html {
  const path = markOfClass(index, 10, 10);
  return new Html(
    `<svg class="key" viewBox="0 0 20 20" aria-hidden="true"><path class="k${colorOfClass(index)}" d="${path}"/></svg>`,
  );
}
