/** metrics.jsonl: one JSON object a line, appended while training runs. */
import { appendFile, readFile, truncate } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { isObject } from '../files/strict-json.ts';
import type { JsonObject } from './run-config.ts';

/** Lines go out in the order of the calls. A value that is not finite is written as null, as JSON has no other. */
export class MetricsLog {
  readonly path: string;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws {CheckpointError} the file cannot be written. */
  append(record: Readonly<JsonObject>): Promise<void> {
    return this.#queue(() => appendFile(this.path, `${JSON.stringify(record)}\n`));
  }

  /**
   * The records in order, [] without a file. A last line that a crash cut short is left out.
   *
   * @throws {CheckpointError} any other line that is not a JSON object, by number.
   */
  async read(): Promise<JsonObject[]> {
    const text = await this.#text();
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .flatMap((line, i) => (line === '' ? [] : [this.#parse(line, i + 1)]));
  }

  /** For resuming: takes out the records whose `step` is above `step`, so that none is there twice. Returns those that stay. */
  dropAfter(step: number): Promise<JsonObject[]> {
    return this.#queue(async () => {
      const kept = (await this.read()).filter((record) => !(typeof record.step === 'number' && record.step > step));
      await writeFileAtomic(this.path, kept.map((record) => `${JSON.stringify(record)}\n`).join(''));
      return kept;
    });
  }

  #queue<T>(write: () => Promise<T>): Promise<T> {
    const job = (this.#writing ?? this.#repair()).then(write).catch((error: unknown) => {
      if (error instanceof CheckpointError) throw error;
      throw new CheckpointError(`${this.path}: cannot be written: ${messageOf(error)}`, { cause: error });
    });
    this.#writing = job.then(
      () => {},
      () => {},
    );
    return job;
  }

  /** Cuts off a half line that a crash left, once, before the first write. */
  async #repair(): Promise<void> {
    const text = await this.#text();
    const end = text.lastIndexOf('\n') + 1;
    if (end < text.length) await truncate(this.path, Buffer.byteLength(text.slice(0, end)));
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw new CheckpointError(`${this.path}: cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  #parse(line: string, number: number): JsonObject {
    try {
      const value: unknown = JSON.parse(line);
      if (isObject(value)) return value as JsonObject;
    } catch {
      // said below, with the line's number
    }
    throw new CheckpointError(`${this.path}: line ${number} must be a JSON object`);
  }
}
