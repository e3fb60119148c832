/** What a sweep runs, by number, so that a process that died can be followed by one that goes on behind the run that killed it. */
export interface Suite {
  readonly count: number;
  /** Runs of one kind share a row of the table, which lists the numbers that they have. */
  describe(run: number): { readonly kind: string; readonly numbers: Readonly<Record<string, number>> };
  /** What is wrong with the result, or undefined. */
  check(run: number): Promise<string | undefined>;
}
