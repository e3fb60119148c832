/** In which order rows come to their turns. */
import type { Row } from './jobs.ts';

type Turned = Pick<Row, 'task' | 'peer'>;

/** A loss whose memory is measured too has one turn. */
export const measuresMemory = ({ task }: Pick<Row, 'task'>): boolean => task.do === 'loss' && task.measuresMemory;

/** All rows once, then all again: a run that is cut has something of each. */
export const turnsOf = <R extends Turned>(rows: readonly R[]): { row: R; round: number }[] => [
  ...rows.map((row) => ({ row, round: 0 })),
  ...rows.filter((row) => !measuresMemory(row)).map((row) => ({ row, round: 1 })),
];

/** The first whose peer has compiled what it needs; the first of all where there is no more time to wait for others. */
export const nextOf = <T extends { readonly row: Turned }>(
  turns: readonly T[],
  compiling: readonly string[],
  isLate: boolean,
): T | undefined => (isLate ? turns[0] : turns.find(({ row }) => !compiling.includes(row.peer)));
