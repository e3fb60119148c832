/** From figures to a table in Markdown. */
import { markdown, median, ratio } from '../peer.ts';
import type { Figures, Row } from './jobs.ts';

export interface Measured {
  readonly row: Pick<Row, 'title' | 'unit'>;
  /** Those of both sides, one a round; none where there was no time. */
  readonly rounds: readonly Figures[];
}

const head = ['measured', 'unit', 'ours', 'PyTorch, eager', 'torch.compile', 'others', 'ours to the best'];
const named = ['ours', 'eager', 'compile'];

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

/** Our figures and the best of the peer's, of the rounds that have both. */
export function pairsOf(rounds: readonly Figures[], part: Part, peerPart = part): { ours: number[]; best: number[] } {
  const pairs = rounds.flatMap((figures) => {
    const { ours } = figuresOf(figures, part);
    const { ours: _, ...others } = figuresOf(figures, peerPart);
    const best = Math.max(...Object.values(others).filter((value) => typeof value === 'number'));
    return typeof ours === 'number' && best > 0 ? [{ ours, best }] : [];
  });
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

/** A line a measurement, with one for the bare step and one for the memory where they were measured. */
export const tableOf = (measured: readonly Measured[]): string =>
  markdown([
    head,
    ...measured.flatMap(({ row: { title, unit }, rounds }) => {
      if (rounds.length === 0) return [[title, unit, 'no time left', '', '', '', '']];
      const has = (part: Part): boolean => rounds.some((each) => Object.keys(figuresOf(each, part)).length > 0);
      return [
        line(title, unit, rounds, 'whole'),
        ...(has('bare') ? [line(`the bare step of ${title}`, unit, rounds, 'bare')] : []),
        ...(has('memory') ? [line(`memory of ${title}`, 'GB', rounds, 'memory')] : []),
      ];
    }),
  ]);

/** How near training comes to the bare step, on both sides. */
export const sharesOf = (measured: readonly Measured[]): string[] =>
  measured.flatMap(({ row: { title }, rounds }) => {
    const [whole, bare] = [pairsOf(rounds, 'whole'), pairsOf(rounds, 'bare')];
    const { ours, best } = pairsOf(rounds, 'whole', 'bare');
    if (bare.ours.length === 0 || whole.ours.length === 0) return [];
    const share = (a: readonly number[], b: readonly number[]): string => (median(a) / median(b)).toFixed(2);
    return `${title}: of the bare step, ours ${share(whole.ours, bare.ours)}, PyTorch ${share(whole.best, bare.best)}; ours of PyTorch's bare step ${share(ours, best)}`;
  });
