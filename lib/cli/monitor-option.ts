/** `--monitors NAMES`: what watches a training by the encoder's features. */
import { OptionError } from '../errors.ts';
import { featureRank } from '../monitors/feature-rank.ts';
import { featureSpread } from '../monitors/feature-spread.ts';
import { onlineKnn } from '../monitors/online-knn.ts';
import { onlineProbe } from '../monitors/online-probe.ts';
import { fitOptions } from '../train/fit-options.ts';
import type { FeatureMonitor, Figures } from '../train/monitors.ts';
import { expectOneOf } from '../validate.ts';
import { flag } from './flag.ts';
import { percent } from './report/results.ts';

const makers = { probe: onlineProbe, knn: onlineKnn, rank: featureRank, spread: featureSpread };
const names = Object.keys(makers) as (keyof typeof makers)[];

export const monitorOptions = {
  monitors: {
    type: 'string',
    value: 'NAMES',
    default: 'probe,rank',
    help: `what watches the features as they are trained, joined by commas: ${names.join(', ')}; or all, or none`,
  },
  monitorEvery: flag(fitOptions.monitorEvery),
} as const;

/** @throws {OptionError} a name that is none. */
export function monitorsOf(text: string): FeatureMonitor[] {
  if (text === 'none') return [];
  const asked = text === 'all' ? names : text.split(',').map((name) => expectOneOf('--monitors', name.trim(), names));
  if (new Set(asked).size < asked.length) throw new OptionError(`--monitors must name each once, got '${text}'`);
  return asked.map((name) => makers[name]());
}

/** The figures for people: "probe 61.2%", "rank 23.1". */
export function figureTexts({ probeTop1, queueKnnTop1, rankMe, featureSpread: spread }: Figures): string[] {
  return [
    ...(probeTop1 === undefined ? [] : [`probe ${percent(probeTop1)}`]),
    ...(queueKnnTop1 === undefined ? [] : [`queue kNN ${percent(queueKnnTop1)}`]),
    ...(rankMe === undefined ? [] : [`rank ${rankMe.toFixed(1)}`]),
    ...(spread === undefined ? [] : [`spread ${spread.toFixed(2)}`]),
  ];
}
