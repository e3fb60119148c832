/**
 * Where a command writes: text for people or JSON lines for machines on stdout, warnings and progress on stderr. What names and
 * messages hold for a terminal to obey is written out (`visible`); JSON escapes it itself.
 */
import { type Color, colored } from './color.ts';
import { Progress, type ProgressStream } from './progress.ts';
import { visible } from './visible.ts';

export interface OutputStreams {
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
}

export class Output {
  /** True under `--json`. */
  readonly json: boolean;
  /** The live line on stderr; silent under `--json`. */
  readonly progress: Progress;
  readonly #streams: OutputStreams;

  constructor(json: boolean, streams: OutputStreams = process) {
    this.json = json;
    this.#streams = streams;
    this.progress = new Progress(streams.stderr, { enabled: !json });
  }

  /** Of the terminal; undefined where there is none. */
  get columns(): number | undefined {
    return this.#streams.stdout.columns;
  }

  /** A line (or several) for people, on a terminal in a colour if one is given; nothing under `--json`. */
  print(text: string, color?: Color): void {
    const { stdout } = this.#streams;
    const shown = color === undefined ? visible(text) : colored(visible(text), color, stdout);
    if (!this.json) this.progress.around(() => stdout.write(`${shown}\n`));
  }

  /** A line of a table for other programs: on a terminal as `print` shows it, elsewhere as it is. */
  row(text: string): void {
    const { stdout } = this.#streams;
    if (stdout.isTTY) this.print(text);
    else if (!this.json) this.progress.around(() => stdout.write(`${text}\n`));
  }

  /** One record for machines, as one line of JSON; nothing without `--json`. */
  emit(record: object): void {
    if (this.json) this.#streams.stdout.write(`${JSON.stringify(record)}\n`);
  }

  /** Something the user should know and may ignore. Under `--json` a record `{"warning": …}`. */
  warn(text: string): void {
    const { stderr } = this.#streams;
    if (this.json) this.emit({ warning: text });
    else this.progress.around(() => stderr.write(`${colored('warning:', 'warning', stderr)} ${visible(text)}\n`));
  }

  /** Why a command ends. Under `--json` its error is the caller's to emit. */
  fail(text: string): void {
    this.progress.done();
    if (!this.json) this.#streams.stderr.write(`${visible(text)}\n`);
  }
}
