/** A progress line: rewritten in place on a terminal, a plain line every few seconds elsewhere. */
import { colored } from './color.ts';
import { visible } from './visible.ts';

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** false (under `--json`): nothing is ever written. */
  enabled?: boolean;
  /** Least time between two writes, ms: default 100 on a terminal, 5000 elsewhere. */
  interval?: number;
  /** Milliseconds; tests pass their own clock. */
  now?: () => number;
}

const eraseLine = '\r\x1b[2K';
/** Columns of the bar, and of a terminal that has room for it. */
const barWidth = 20;
const leastForBar = 80;

export class Progress {
  readonly #stream: ProgressStream;
  readonly #enabled: boolean;
  readonly #interval: number;
  readonly #now: () => number;
  #last = Number.NEGATIVE_INFINITY;
  #live = '';

  constructor(stream: ProgressStream = process.stderr, options: ProgressOptions = {}) {
    this.#stream = stream;
    this.#enabled = options.enabled ?? true;
    this.#interval = options.interval ?? (stream.isTTY ? 100 : 5000);
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Shows `text` unless the last write was too recent. A function is only called when its text will be shown.
   * @param share of the work that is done, 0 to 1: a bar before the text, on a terminal that is wide enough.
   */
  update(text: string | (() => string), share?: number): void {
    const now = this.#now();
    if (!this.#enabled || now - this.#last < this.#interval) return;
    this.#last = now;
    const line = visible(typeof text === 'function' ? text() : text);
    if (this.#stream.isTTY) {
      const columns = this.#stream.columns || 80;
      const bar = share === undefined || columns < leastForBar ? '' : `${barOf(share, this.#stream)}  `;
      this.#live = bar + truncate(line, columns - 1 - (bar === '' ? 0 : barWidth + 2));
      this.#stream.write(eraseLine + this.#live);
    } else {
      this.#stream.write(`${line}\n`);
    }
  }

  /** Runs `write` with the live line out of the way, and puts it back after. */
  around(write: () => void): void {
    if (this.#live !== '') this.#stream.write(eraseLine);
    write();
    if (this.#live !== '') this.#stream.write(this.#live);
  }

  /** Ends the live line; with `text`, leaves that as a plain line. The next update shows at once. */
  done(text?: string): void {
    if (!this.#enabled) return;
    if (this.#live !== '') this.#stream.write(eraseLine);
    if (text !== undefined) this.#stream.write(`${visible(text)}\n`);
    this.#live = '';
    this.#last = Number.NEGATIVE_INFINITY;
  }
}

/** The part that is done in colour. */
function barOf(share: number, stream: ProgressStream): string {
  const done = Math.floor(Math.min(1, share) * barWidth);
  return colored('━'.repeat(done), 'accent', stream) + '─'.repeat(barWidth - done);
}

/** Cuts `text` to `width` columns, with an ellipsis; one code point counts as one column. */
function truncate(text: string, width: number): string {
  const points = [...text];
  return points.length <= width ? text : `${points.slice(0, Math.max(0, width - 1)).join('')}…`;
}
