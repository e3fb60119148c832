import type { Call } from '../call.ts';

/** Operations by name: each adds its nodes, and returns what its results are called. */
export type Rows = Readonly<Record<string, (call: Call) => string | readonly string[]>>;
