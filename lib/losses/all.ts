/** The losses of the package: a new one is a file, and a line here. */
import type { CrossEntropyLossSpec } from './cross-entropy.ts';
import type { DclLossSpec, DclwLossSpec } from './dcl.ts';
import type { NtXentLossSpec } from './nt-xent.ts';
import type { DefinedLoss } from './registry.ts';
import type { SupConLossSpec } from './sup-con.ts';

import './cross-entropy.ts';
import './dcl.ts';
import './nt-xent.ts';
import './sup-con.ts';

export * from './registry.ts';

/** A loss of the package by its name; the options mean what they mean to its function. */
export type ContrastiveLossSpec = SupConLossSpec | NtXentLossSpec | DclLossSpec | DclwLossSpec;

/** What a trainer knows by name: the contrastive losses, a classifier's, and those of `defineLoss`. */
export type LossSpec = ContrastiveLossSpec | CrossEntropyLossSpec | DefinedLoss;

/** In the place of a loss: its name, for its defaults. */
export type LossName = (ContrastiveLossSpec | CrossEntropyLossSpec)['name'];
