/** metrics.jsonl: one JSON object a line, appended while training runs. */
import { appendFile, readFile, truncate } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { isObject } from '../files/strict-json.ts';
import type { JsonObject } from './run-config.ts';

/** Lines go out in the order of the calls. A value that is not finite is written as null, as JSON has no other. */
export class MetricsLog {
  readonly path: string;
  #last: Promise<unknown> = Promise.resolve();
  /** Lines that could not be written: the next call writes them first. */
  #unwritten = '';
  /** Bytes of the file that are whole lines; undefined until it was looked at. */
  #length: number | undefined;
  /** Nothing may lie behind them: what a crash left, or a write that failed. */
  #isWhole = false;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws {CheckpointError} the file cannot be written; the record is kept for the next call. */
  append(record: Readonly<JsonObject>): Promise<void> {
    return this.#queue(() => this.#write(`${JSON.stringify(record)}\n`));
  }

  /** Writes what earlier calls could not. @throws {CheckpointError} the file cannot be written. */
  flush(): Promise<void> {
    return this.#queue(() => this.#write(''));
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
      await this.#write('');
      const kept = (await this.read()).filter((record) => !(typeof record.step === 'number' && record.step > step));
      const text = kept.map((record) => `${JSON.stringify(record)}\n`).join('');
      await writeFileAtomic(this.path, text);
      this.#length = Buffer.byteLength(text);
      this.#isWhole = true;
      return kept;
    });
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const job = this.#last.then(work).catch((error: unknown) => {
      if (error instanceof CheckpointError) throw error;
      throw new CheckpointError(`${this.path}: cannot be written: ${messageOf(error)}`, { cause: error });
    });
    this.#last = job.catch(() => {});
    return job;
  }

  async #write(line: string): Promise<void> {
    this.#unwritten += line;
    if (this.#unwritten === '') return;
    if (!this.#isWhole) await this.#cut();
    this.#isWhole = false;
    await appendFile(this.path, this.#unwritten);
    this.#isWhole = true;
    this.#length = (this.#length ?? 0) + Buffer.byteLength(this.#unwritten);
    this.#unwritten = '';
  }

  /** Cuts off what lies behind the whole lines. */
  async #cut(): Promise<void> {
    const bytes = Buffer.from(await this.#text());
    this.#length = Math.min(this.#length ?? bytes.length, bytes.lastIndexOf(0x0a) + 1);
    if (this.#length < bytes.length) await truncate(this.path, this.#length);
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
