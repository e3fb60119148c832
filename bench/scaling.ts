/**
 * A model, not a measurement: how long a step of several machines waits for the network, from 8 to 1024 processes of one machine each, by
 * the arithmetic of docs/distributed.md.
 *
 * usage: npm run bench -- scaling [--help]
 */
import { benchOptions, countOf } from './parts/options.ts';

export interface Assumptions {
  /** Of the network, a second, each way. */
  readonly gigabits: number;
  /** From one machine to the next. */
  readonly microseconds: number;
  /** That a machine trains alone, a second. */
  readonly images: number;
  /** Images of each process in a step. */
  readonly batch: number;
}

export const assumed: Assumptions = { gigabits: 10, microseconds: 50, images: 20, batch: 64 };

/** ResNet-50 without classifier; a projection head 2048 → 2048 → 128. */
const parameters = 23_508_032 + 2048 * 2049 + 2049 * 128;
/** Batch normalisations of ResNet-50, and their channels together. */
const [layers, channels] = [53, 26_560];
const [views, dim] = [2, 128];
/** Of the small all-reduces of a step: sums and maxima of losses and metrics, and what the processes agree on. */
const small = 10;
const [firstBucket, bucket] = [1e6, 25e6]; // bytes
/** Of a step's computation: the backward pass, without its last layers, hides the sums of gradients. */
const hiding = 0.6;

export interface Row {
  readonly processes: number;
  /** Megabytes that each process sends in a step. */
  readonly gradients: number;
  readonly features: number;
  readonly statistics: number;
  /** Part of the step that is computation; with `syncBatchNorm: false`. */
  readonly efficiency: number;
  readonly withoutSync: number;
}

export function rowOf(processes: number, { gigabits, microseconds, images, batch }: Assumptions): Row {
  const others = processes - 1;
  const seconds = (bytes: number, messages: number): number =>
    bytes / (gigabits * 1.25e8) + messages * microseconds * 1e-6;
  const share = others / processes;
  const gradients = 2 * share * 4 * parameters;
  const buckets = 1 + Math.ceil((4 * parameters - firstBucket) / bucket);
  const features = 3 * share * batch * processes * views * dim * 4;
  const statistics = others * 4 * channels * 8;
  const computation = batch / images;
  const shown = Math.max(0, seconds(gradients, buckets * 2 * others) - hiding * computation);
  const loss = seconds(features, (3 + 2 * small) * others);
  const normalisation = seconds(statistics, 2 * layers * others);
  return {
    ...{ processes, gradients: gradients / 1e6, features: features / 1e6, statistics: statistics / 1e6 },
    efficiency: computation / (computation + shown + loss + normalisation),
    withoutSync: computation / (computation + shown + loss),
  };
}

/** As Markdown. */
export function table(assumptions: Assumptions = assumed): string {
  const rows = [8, 32, 128, 512, 1024].map((processes) => {
    const row = rowOf(processes, assumptions);
    const cells = [
      ...[row.processes, processes * assumptions.batch],
      ...[row.gradients, row.features, row.statistics].map((megabytes) => megabytes.toFixed(0)),
      ...[row.efficiency, row.withoutSync].map((part) => `${(100 * part).toFixed(0)} %`),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = [
    'processes',
    'batch',
    'gradients, MB',
    'features, MB',
    'statistics, MB',
    'computing',
    'without `syncBatchNorm`',
  ];
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const size = { type: 'number', value: 'N', above: 0 } as const;
  const { gigabits, microseconds, images, batch } = benchOptions({
    gigabits: { ...size, default: assumed.gigabits, help: 'of the network, a second, each way' },
    microseconds: { ...size, default: assumed.microseconds, help: 'from one machine to the next' },
    images: { ...size, default: assumed.images, help: 'that a machine trains alone, a second' },
    batch: countOf(assumed.batch, 'images of each process in a step'),
  });
  console.log(table({ gigabits, microseconds, images, batch }));
}
