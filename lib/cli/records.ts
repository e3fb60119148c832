/** Rows of a table for other programs: CSV, or a JSON object a line. */
import { OptionError } from '../errors.ts';
import type { Output } from './output.ts';
import { writeOutput } from './output-file.ts';

/** What a row has under each column; the same columns in every row. */
export type TableRecord = Readonly<Record<string, string | number | boolean | null>>;

export const recordsOption = {
  type: 'string',
  short: 'o',
  value: 'FILE',
  help: 'where to write: FILE.csv, or FILE.jsonl, a JSON object a line; default CSV on stdout',
} as const;

/** As RFC 4180 writes it. */
function csvCell(value: TableRecord[string] | undefined): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvLine = (cells: readonly (TableRecord[string] | undefined)[]): string => cells.map(csvCell).join(',');

/** To six decimal places: what is beyond them is rounding of the network's. */
export const rounded = (value: number): number => Math.round(1e6 * value) / 1e6;

/** Where a command's rows go: to a file, whole or not at all; without one to stdout, as they come. */
export class RecordWriter {
  readonly #columns: readonly string[];
  readonly #file: string | undefined;
  readonly #output: Output;
  readonly #isCsv: boolean;
  readonly #lines: string[] = [];
  #hasHead = false;

  /** @throws {OptionError} a file of another ending. */
  constructor(columns: readonly string[], file: string | undefined, output: Output) {
    if (file !== undefined && !/\.(csv|jsonl)$/.test(file))
      throw new OptionError(`--out must be a name in .csv or .jsonl, got '${file}'`);
    this.#columns = columns;
    this.#file = file;
    this.#output = output;
    this.#isCsv = file === undefined || file.endsWith('.csv');
  }

  /** Under `--json` the row is an object on stdout too. */
  write(row: TableRecord): void {
    if (this.#isCsv && !this.#hasHead) this.#line(csvLine(this.#columns));
    this.#hasHead = true;
    this.#line(this.#isCsv ? csvLine(this.#columns.map((column) => row[column])) : JSON.stringify(row));
    this.#output.emit({ kind: 'image', ...row });
  }

  #line(text: string): void {
    if (this.#file === undefined) this.#output.row(text);
    else this.#lines.push(text);
  }

  /** @throws {DataError} the file cannot be written. */
  async close(): Promise<void> {
    if (this.#file !== undefined) await writeOutput(this.#file, `${this.#lines.join('\n')}\n`);
  }
}
