/** Whether a step may be recorded. */
import type { Method } from '../methods/method.ts';
import { Module } from '../nn/module.ts';
import type { ResolvedOptions } from './options.ts';

type Parts = Pick<ResolvedOptions, 'encoder' | 'head'>;

/** Whether a function of the user's own, which may count its calls, is called at each step that is not recorded. */
export const callsFunctions = ({ head }: Parts, method: Method): boolean =>
  !method.isPure || !(head === null || head instanceof Module);

/** As was asked for; else where encoder, head and method say that they are pure. */
export const isRecorded = (
  { encoder, head, compile }: Parts & Pick<ResolvedOptions, 'compile'>,
  method: Method,
): boolean =>
  compile ?? (encoder.isPure && (head === null || (head instanceof Module && head.isPure)) && method.isPure);

/** Whether encoder or head are not recorded at present, as where forward hooks see them. */
export const hasUnrecordedPart = ({ encoder, head }: Parts): boolean =>
  [encoder, head].some((part) => part instanceof Module && part.modeKey === undefined);

/** The modes of encoder, head and method, for what is recorded of them; undefined where there can be no recording. */
export function modeKeyOf({ encoder, head }: Parts, method: Method): string | undefined {
  const keys = [encoder, head, method].flatMap((part) => (part instanceof Module ? [part.modeKey] : []));
  return keys.includes(undefined) ? undefined : keys.join();
}
