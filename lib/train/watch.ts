/** The monitors of a training: what they see of it, and what they say. */

import type { Ranks } from '../distributed/ranks.ts';
import { OptionError } from '../errors.ts';
import { Network, type NetworkParts } from '../methods/network.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import { cat } from '../tensor/ops.ts';
import type { Precision } from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { clip, describe } from '../validate.ts';
import type { TrainBatch } from './batches.ts';
import {
  type EpochMonitor,
  type FeatureMonitor,
  FeatureQueue,
  type Figures,
  type Monitor,
  type MonitorContext,
} from './monitors.ts';

/** A network that hands over what its encoder makes. */
class WatchedNetwork extends Network {
  readonly #hear: (features: Tensor) => void;

  constructor(parts: NetworkParts, precision: Precision, ranks: Ranks | undefined, hear: (features: Tensor) => void) {
    super(parts, precision, ranks);
    this.#hear = hear;
  }

  protected override encode(images: Tensor): Tensor {
    const features = super.encode(images);
    this.#hear(features);
    return features;
  }
}

export class Watch implements Disposable {
  readonly #ofEpochs: readonly EpochMonitor[];
  readonly #ofFeatures: readonly FeatureMonitor[];
  readonly #queue: FeatureQueue;
  /** Monitors that have given no figure yet, and the names of what the others gave. */
  readonly #silent: Set<Monitor>;
  readonly #names = new Set<string>();
  /** What the encoder made since it was last taken. */
  readonly #passes: Tensor[] = [];
  #ranks: Ranks | undefined;

  constructor(monitors: readonly Monitor[]) {
    this.#ofEpochs = monitors.filter((monitor) => typeof monitor === 'function');
    this.#ofFeatures = monitors.filter((monitor) => typeof monitor !== 'function');
    this.#silent = new Set(monitors);
    this.#queue = new FeatureQueue(Math.max(0, ...this.#ofFeatures.map(({ rows = 0 }) => rows)));
  }

  /** Whether a monitor looks at features of batches. */
  get seesFeatures(): boolean {
    return this.#ofFeatures.length > 0;
  }

  /** The network that is trained. */
  network(parts: NetworkParts, precision: Precision, ranks?: Ranks): Network {
    this.#ranks = ranks;
    if (!this.seesFeatures) return new Network(parts, precision, ranks);
    return new WatchedNetwork(parts, precision, ranks, (features) => this.#passes.push(features));
  }

  /**
   * Part of a step: what the network's encoder made since this was last called, as float32 (batch, views, dim), without a
   * gradient; of all ranks. Undefined where nobody looks at it.
   */
  features(batch: number): Tensor | undefined {
    const passes = this.#passes.splice(0);
    if (passes.length === 0) return undefined;
    return noGrad(() => {
      const all = cat(passes).to('float32'); // a view behind the other
      const [rows, dim] = all.shape as [number, number];
      const ofSamples = all.reshape([rows / batch, batch, dim]).transpose(0, 1);
      return this.#ranks ? this.#ranks.whole(ofSamples) : ofSamples;
    });
  }

  /** Shows the monitors a step that was enqueued. @param features of features(), which are disposed. */
  observe(features: Tensor | undefined, { labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>): void {
    if (features === undefined) return;
    using _ = features;
    const step = { features, labels, ids };
    // What monitors keep is theirs, not the step's.
    outsideTidy(() => {
      const batch = { ...step, queued: this.#queue.push(step) };
      for (const monitor of this.#ofFeatures) monitor.observe?.(batch);
    });
  }

  /** Of the monitors of features, while a training runs. @throws {OptionError} a monitor that gives no figures by name. */
  async figures(context: MonitorContext): Promise<Figures> {
    const newest = (rows: number) => this.#queue.newest(rows);
    const asked = { ...context, newest, distributed: this.#ranks?.gather ?? false };
    const all: Figures[] = [];
    for (const monitor of this.#ofFeatures) all.push(this.#heard(monitor, await monitor.figures(asked)));
    return Object.assign({}, ...all);
  }

  /** Of all monitors, at the end of an epoch. @throws {OptionError} a monitor that gives no figures by name. */
  async figuresOfEpoch(context: MonitorContext): Promise<Figures> {
    return { ...(await this.figures(context)), ...(await this.figuresWithoutSteps(context)) };
  }

  /** Of the monitors that need no step. @throws {OptionError} a monitor that gives no figures by name. */
  async figuresWithoutSteps(context: MonitorContext): Promise<Figures> {
    const all: Figures[] = [];
    for (const monitor of this.#ofEpochs) all.push(this.#heard(monitor, await monitor(context)));
    return Object.assign({}, ...all);
  }

  /**
   * Asked behind each epoch for the figure that the best checkpoint is told by: what is wrong where no monitor has given it, though
   * each has spoken by now, or will not be asked again.
   */
  missing(best: string, { isLast }: { readonly isLast: boolean }): string | undefined {
    if (this.#names.has(best) || (this.#silent.size > 0 && !isLast)) return undefined;
    const given = this.#names.size === 0 ? 'none' : [...this.#names].map((name) => `'${name}'`).join(', ');
    return `best must be a figure that the monitors give after epochs, got '${clip(best)}'; given: ${given}`;
  }

  #heard(monitor: Monitor, given: unknown): Figures {
    const figures = checkFigures(given);
    const names = Object.keys(figures);
    if (names.length > 0) this.#silent.delete(monitor);
    for (const name of names) this.#names.add(name);
    return figures;
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
    for (const monitor of this.#ofFeatures) monitor[Symbol.dispose]?.();
  }
}

/** @throws {OptionError} neither monitor nor array of them. */
export function checkMonitors(name: string, monitors: readonly Monitor[]): readonly Monitor[] {
  if (!Array.isArray(monitors)) throw new OptionError(`${name} must be an array, got ${describe(monitors)}`);
  for (const [i, monitor] of monitors.entries())
    if (typeof monitor !== 'function' && typeof monitor?.figures !== 'function')
      throw new OptionError(`monitors[${i}] must be a function or have a function figures, got ${describe(monitor)}`);
  return monitors;
}

function checkFigures(figures: unknown): Figures {
  if (figures === undefined) return {};
  if (figures === null || typeof figures !== 'object' || Array.isArray(figures))
    throw new OptionError(`a monitor must return numbers by name, got ${describe(figures)}`);
  for (const [name, value] of Object.entries(figures))
    if (typeof value !== 'number') throw new OptionError(`monitor: ${name} must be a number, got ${describe(value)}`);
  return figures as Figures;
}
