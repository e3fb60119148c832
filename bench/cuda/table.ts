/** From figures to a table in Markdown. */
import { markdown, median, ratio } from '../peer.ts';
import type { Figures, Row } from './jobs.ts';

export interface Measured {
  readonly row: Pick<Row, 'title' | 'unit' | 'bareOf'>;
  /** Those of both sides, one a round; none where there was no time. */
  readonly rounds: readonly Figures[];
}

const head = [
  'measured',
  'unit',
  'ours',
  'ours, graphs',
  'PyTorch, eager',
  'torch.compile',
  'others',
  'ours to the best',
];
const named = ['ours', 'ours, graphs', 'eager', 'compile'];

/** What is in front of a figure's name where it is not of the whole. */
const parts = { whole: '', bare: 'bare, ', memory: 'memory, ' } as const;
type Part = keyof typeof parts;

/** The figures of a part by the rest of their names. */
function figuresOf(figures: Figures, part: Part): Figures {
  const isOf = (name: string, other: Part): boolean => parts[other] !== '' && name.startsWith(parts[other]);
  const own = Object.entries(figures).filter(([name]) =>
    part === 'whole' ? !isOf(name, 'bare') && !isOf(name, 'memory') : isOf(name, part),
  );
  return Object.fromEntries(own.map(([name, value]) => [name.slice(parts[part].length), value]));
}

const show = (value: number): string => value.toFixed(value >= 100 ? 0 : value >= 1 ? 2 : 3);

/** The median over rounds; a text that says why there is none; empty where nobody measured it. */
function cell(rounds: readonly Figures[], name: string): string {
  const values = rounds.flatMap((figures) => figures[name] ?? []);
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length > 0 ? show(median(numbers)) : String(values[0] ?? '');
}

/** Our figure and the best of the peer's, in a round; NaN where there is none. */
function sidesOf(figures: Figures, part: Part): { ours: number; best: number } {
  const own = Object.entries(figuresOf(figures, part));
  const numbers = own.flatMap(([name, value]) => (typeof value === 'number' ? [{ name, value }] : []));
  const peers = numbers.filter(({ name }) => !name.startsWith('ours')).map(({ value }) => value);
  return {
    ours: numbers.find(({ name }) => name === 'ours')?.value ?? Number.NaN,
    best: peers.length > 0 ? Math.max(...peers) : Number.NaN,
  };
}

/** Our figures and the best of the peer's, of the rounds that have both. */
export function pairsOf(rounds: readonly Figures[], part: Part): { ours: number[]; best: number[] } {
  const pairs = rounds.map((figures) => sidesOf(figures, part)).filter(({ ours, best }) => ours + best > 0);
  return { ours: pairs.map(({ ours }) => ours), best: pairs.map(({ best }) => best) };
}

function line(title: string, unit: string, rounds: readonly Figures[], part: Part): string[] {
  const own = rounds.map((figures) => figuresOf(figures, part));
  const others = [...new Set(own.flatMap((figures) => Object.keys(figures)))].filter((name) => !named.includes(name));
  const { ours, best } = pairsOf(rounds, part);
  return [
    ...[title, unit, ...named.map((name) => cell(own, name))],
    others.map((name) => `${name}: ${cell(own, name)}`).join('; '),
    part === 'memory' || ours.length === 0 ? '' : ratio(ours, best),
  ];
}

/** A line a measurement, with one for the bare model and one for the memory where they were measured. */
export const tableOf = (measured: readonly Measured[]): string =>
  markdown([
    head,
    ...measured.flatMap(({ row: { title, unit }, rounds }) => {
      if (rounds.every((figures) => Object.keys(figures).length === 0))
        return [[title, unit, 'no time left', '', '', '', '', '']];
      const has = (part: Part): boolean => rounds.some((each) => Object.keys(figuresOf(each, part)).length > 0);
      return [
        line(title, unit, rounds, 'whole'),
        ...(has('bare') ? [line(`the bare model of ${title}`, unit, rounds, 'bare')] : []),
        ...(has('memory') ? [line(`memory of ${title}`, 'GB', rounds, 'memory')] : []),
      ];
    }),
  ]);

/** How near the whole comes to the bare model, on both sides: medians, of which a side may have none. */
export const sharesOf = (measured: readonly Measured[]): string[] =>
  measured.flatMap(({ row: { title, bareOf = title }, rounds }) => {
    const bareRounds = measured.find(({ row }) => row.title === bareOf)?.rounds ?? [];
    const middle = (of: readonly Figures[], part: Part, side: 'ours' | 'best'): number => {
      const values = of.map((figures) => sidesOf(figures, part)[side]).filter((value) => !Number.isNaN(value));
      return values.length > 0 ? median(values) : Number.NaN;
    };
    const [ours, best] = [middle(rounds, 'whole', 'ours'), middle(rounds, 'whole', 'best')];
    const [bareOurs, bareBest] = [middle(bareRounds, 'bare', 'ours'), middle(bareRounds, 'bare', 'best')];
    const shares = { ours: ours / bareOurs, PyTorch: best / bareBest, "ours of PyTorch's": ours / bareBest };
    const known = Object.entries(shares).filter(([, share]) => !Number.isNaN(share));
    const told = known.map(([name, share]) => `${name} ${share.toFixed(2)}`).join(', ');
    return told === '' ? [] : [`${title}, of the bare model: ${told}`];
  });

/** The lines of one measurement, for a table whose head is printed. */
export const linesOf = (each: Measured): string => tableOf([each]).split('\n').slice(2).join('\n');
