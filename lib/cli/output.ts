/** Where a command writes: text for people or JSON lines for machines on stdout, warnings and progress on stderr. */
import { type Color, colored } from './color.ts';
import { Progress, type ProgressStream } from './progress.ts';

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
    const shown = color === undefined ? text : colored(text, color, stdout);
    if (!this.json) this.progress.around(() => stdout.write(`${shown}\n`));
  }

  /** One record for machines, as one line of JSON; nothing without `--json`. */
  emit(record: object): void {
    if (this.json) this.#streams.stdout.write(`${JSON.stringify(record)}\n`);
  }

  /** Something the user should know and may ignore. Under `--json` a record `{"warning": …}`. */
  warn(text: string): void {
    const { stderr } = this.#streams;
    if (this.json) this.emit({ warning: text });
    else this.progress.around(() => stderr.write(`${colored('warning:', 'warning', stderr)} ${text}\n`));
  }
}
