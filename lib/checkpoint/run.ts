/**
 * The folder of a training run:
 *
 *     config.json                    RunConfig
 *     metrics.jsonl                  one JSON object a line
 *     checkpoints/latest.json        { format, step }: the newest good checkpoint
 *     checkpoints/best.json          { format, step, figure, value }: the one whose figure was highest, where one is watched
 *     checkpoints/<step>/            model.safetensors, state.json; encoder.json, trained.safetensors,
 *                                    optimizer.safetensors and method.safetensors (when there is one); SHA256SUMS of these
 *     run.lock                       the process that trains into the folder
 *
 * One process writes a run, the one that holds the lock; any number may read it meanwhile.
 */
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError, messageOf } from '../errors.ts';
import { removeTemporaries, writeFileAtomic } from '../files/atomic.ts';
import { readJson } from '../files/read.ts';
import { isObject } from '../files/strict-json.ts';
import { countOption, functionOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { clip, describe, expectNumber } from '../validate.ts';
import { type BestCheckpoint, readBest, writeBest } from './best-checkpoint.ts';
import { type Checkpoint, type CheckpointContent, readCheckpoint, writeCheckpoint } from './checkpoint-files.ts';
import { MetricsLog } from './metrics.ts';
import { nearbyRuns } from './nearby-runs.ts';
import { checkRunConfig, type RunConfig } from './run-config.ts';

const loadOptions = {
  /** Whether to read what only training needs: trained.safetensors, optimizer.safetensors, method.safetensors. Default true. */
  optimizer: { type: 'boolean', default: true },
  /** Hears why a newer checkpoint was passed over. Default: process.emitWarning. */
  onWarning: functionOption<(message: string) => void>(),
} as const satisfies OptionTable;

export interface LoadCheckpointOptions extends OptionsOf<typeof loadOptions> {}

/** Newest checkpoints that stay. */
const kKept = 3;

const saveOptions = {
  /** Checkpoints that stay beside the best, the newest ones. Default 3. */
  keep: { ...countOption, default: kKept },
} as const satisfies OptionTable;

const kLatest = 'latest.json';

const isStep = (name: string): boolean => /^(0|[1-9]\d{0,14})$/.test(name);

export class RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly config: RunConfig;
  readonly metrics: MetricsLog;

  private constructor(path: string, config: RunConfig) {
    this.path = path;
    this.config = config;
    this.metrics = new MetricsLog(join(path, 'metrics.jsonl'));
  }

  get #checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  /**
   * Begins a run in a folder that is new or holds no run. One that stopped before its first checkpoint has nothing to lose: it
   * is begun anew.
   *
   * @throws {CheckpointError} the folder holds a run already or cannot be written, or the config is not valid.
   */
  static async create(path: string, config: RunConfig): Promise<RunFolder> {
    const run = new RunFolder(resolve(path), config);
    checkRunConfig(config, run.#configFile);
    await RunFolder.expectNone(path);
    await writing(run.path, async () => {
      await mkdir(run.#checkpoints, { recursive: true });
      await rm(run.metrics.path, { force: true });
      await run.#writeConfig();
    });
    return run;
  }

  /** @throws {CheckpointError} the folder holds a run already, or files of somebody else that a run would overwrite. */
  static async expectNone(path: string): Promise<void> {
    if ((await stepsIn(join(path, 'checkpoints'))).length > 0)
      throw new CheckpointError(`${resolve(path)}: holds a run already; resume it or choose another folder`);
    const names = new Set(await readdir(path).catch(() => []));
    const config = names.has('config.json') ? await readJson(join(path, 'config.json')).catch(() => null) : undefined;
    const isOurs = config === undefined ? !names.has('metrics.jsonl') : isObject(config) && config.format !== undefined;
    if (!isOurs)
      throw new CheckpointError(
        `${resolve(path)}: has a config.json or metrics.jsonl that is no run's, which a run would overwrite; choose another folder`,
      );
  }

  /** Takes back `create`: removes what it wrote. The folder is left to whoever holds the lock in it. */
  async discard(): Promise<void> {
    for (const file of [this.metrics.path, this.#configFile]) await rm(file, { force: true });
    await rmdir(this.#checkpoints).catch(() => {}); // not empty
  }

  get #configFile(): string {
    return join(this.path, 'config.json');
  }

  #writeConfig(): Promise<void> {
    return writeFileAtomic(this.#configFile, `${JSON.stringify(this.config, null, 2)}\n`);
  }

  /**
   * The same run, for another number of epochs, or with its data or the code of its encoder in another place.
   * @throws {CheckpointError} the folder cannot be written.
   */
  async with(changes: Partial<Pick<RunConfig, 'epochs' | 'data' | 'encoder'>>): Promise<RunFolder> {
    const run = new RunFolder(this.path, { ...this.config, ...changes });
    if (JSON.stringify(run.config) === JSON.stringify(this.config)) return this;
    await writing(run.path, () => run.#writeConfig());
    return run;
  }

  /** @throws {CheckpointError} no run there, or a config that is damaged or of another version. */
  static async open(path: string): Promise<RunFolder> {
    const folder = resolve(path);
    const file = join(folder, 'config.json');
    if (!(await stat(file).catch(() => undefined)))
      throw new CheckpointError(
        `there is no run in '${path}': expected a folder with config.json and checkpoints/${await nearbyRuns(path)}`,
      );
    return new RunFolder(folder, checkRunConfig(await readJson(file), file));
  }

  /** Steps that have a checkpoint folder, ascending. Says nothing of their content. */
  steps(): Promise<number[]> {
    return stepsIn(this.#checkpoints);
  }

  /**
   * Writes checkpoints/<state.step>/ whole, then latest.json, then deletes all but the best and the newest `keep` checkpoints
   * and what interrupted writes left.
   *
   * @throws {CheckpointError} a tensor that is not valid, or a folder that cannot be written; older checkpoints stay.
   */
  async saveCheckpoint(content: CheckpointContent, options: OptionsOf<typeof saveOptions> = {}): Promise<string> {
    const { keep } = resolveOptions('saveCheckpoint', saveOptions, options);
    const step = expectNumber('state.step', content.state.step, { min: 0, max: 1e15 - 1, integer: true });
    const folder = join(this.#checkpoints, String(step));
    await writing(folder, async () => {
      await mkdir(this.#checkpoints, { recursive: true });
      await writeCheckpoint(folder, content);
      await writeFileAtomic(join(this.#checkpoints, kLatest), `${JSON.stringify({ format: 1, step })}\n`);
      await this.#prune(keep, step);
    });
    return folder;
  }

  async #prune(keep: number, latest: number): Promise<void> {
    const steps = await this.steps();
    const best = await this.best();
    const old = steps.slice(0, -keep).filter((step) => step !== latest && step !== best?.step);
    for (const name of old.map(String)) await rm(join(this.#checkpoints, name), { recursive: true, force: true });
    await removeTemporaries(this.#checkpoints);
  }

  /**
   * Keeps the checkpoint of a step as the best one; the one that was it goes, unless it is among the newest.
   * @throws {CheckpointError} it cannot be written.
   */
  async setBest(best: BestCheckpoint): Promise<void> {
    await writing(this.#checkpoints, async () => {
      await writeBest(this.#checkpoints, best);
      await this.#prune(kKept, best.step);
    });
  }

  /** The best checkpoint; undefined where none was named, or it is gone. @throws {CheckpointError} best.json is damaged. */
  async best(): Promise<BestCheckpoint | undefined> {
    const best = await readBest(this.#checkpoints);
    return best !== undefined && (await this.steps()).includes(best.step) ? best : undefined;
  }

  /**
   * Reads a checkpoint. 'latest' is the one that latest.json names; when it is damaged, the one before it, and so on,
   * each passed over with a warning. The best one, or a step given by number, is read or is an error.
   *
   * @throws {CheckpointError} naming the file that is missing or damaged, or that no checkpoint is whole.
   */
  async loadCheckpoint(
    which: 'latest' | 'best' | number = 'latest',
    options: LoadCheckpointOptions = {},
  ): Promise<Checkpoint> {
    const resolved = resolveOptions('loadCheckpoint', loadOptions, options);
    const { optimizer, onWarning = (message) => process.emitWarning(message, 'CheckpointWarning') } = resolved;
    const steps = await this.steps();
    if (which === 'best') {
      const best = await this.best();
      if (best === undefined)
        throw new CheckpointError(`${this.path}: the run has no best checkpoint; its newest is in it`);
      return readCheckpoint(join(this.#checkpoints, String(best.step)), optimizer);
    }
    if (which !== 'latest') {
      if (steps.includes(which)) return readCheckpoint(join(this.#checkpoints, String(which)), optimizer);
      const there = steps.length === 0 ? 'there are none' : `there are ${steps.join(', ')}`;
      throw new CheckpointError(`${this.#checkpoints}: no checkpoint of step ${describe(which)}; ${there}`);
    }
    const failures: string[] = [];
    const candidates = [...steps].reverse();
    const named = await this.#latest().catch((error: unknown) => {
      if (steps.length > 0) failures.push(messageOf(error));
      return undefined;
    });
    if (named !== undefined) candidates.sort((a, b) => Number(a > named) - Number(b > named) || b - a);
    for (const step of candidates) {
      try {
        const checkpoint = await readCheckpoint(join(this.#checkpoints, String(step)), optimizer);
        for (const failure of failures) onWarning(`${failure}; using the checkpoint of step ${step}`);
        return checkpoint;
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        failures.push(error.message);
      }
    }
    throw new CheckpointError(
      `${this.path}: no checkpoint that can be used${failures.map((f) => `\n  ${f}`).join('')}`,
    );
  }

  async #latest(): Promise<number> {
    const file = join(this.#checkpoints, kLatest);
    const value = await readJson(file);
    if (isObject(value) && value.format === 1 && typeof value.step === 'number' && isStep(String(value.step)))
      return value.step;
    throw new CheckpointError(`${file}: expected { format: 1, step }, got ${clip(JSON.stringify(value))}`);
  }
}

async function stepsIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter(isStep)
    .map(Number)
    .sort((a, b) => a - b);
}

async function writing(folder: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw new CheckpointError(`${folder}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * What a person points at: a run's folder, or one of its checkpoint folders, whose step is then given; `checkpoints/best` is
 * the best one. @throws as RunFolder.open.
 */
export async function openRun(path: string): Promise<{ run: RunFolder; step: number | 'best' | undefined }> {
  const folder = resolve(path);
  const name = basename(folder);
  const isInside = (isStep(name) || name === 'best') && basename(dirname(folder)) === 'checkpoints';
  const run = await RunFolder.open(isInside ? dirname(dirname(folder)) : path);
  return { run, step: !isInside ? undefined : name === 'best' ? name : Number(name) };
}

/**
 * Opens the latest checkpoint of a run's folder, or that of a checkpoint folder, or the best one by `checkpoints/best`.
 *
 * @throws {CheckpointError} neither, or damaged.
 */
export async function openCheckpoint(
  path: string,
  options: LoadCheckpointOptions = {},
): Promise<{ run: RunFolder; checkpoint: Checkpoint }> {
  const { run, step = 'latest' } = await openRun(path);
  return { run, checkpoint: await run.loadCheckpoint(step, options) };
}
