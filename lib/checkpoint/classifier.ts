/** The classifier of a run that fineTune wrote: a linear head, trained by cross entropy, and the names of its classes. */
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { headOf } from './head.ts';
import type { RunFolder } from './run.ts';
import type { RunConfig } from './run-config.ts';

export interface ClassifierHead {
  /** Features to logits, in evaluation mode, on the CPU; the caller disposes it. */
  readonly head: Encoder;
  /** A name an output: those of the data set, else '0', '1', …. */
  readonly classes: readonly string[];
}

export const holdsClassifier = ({ head, method }: RunConfig): boolean =>
  head?.name === 'linear' && method.name === 'cross-entropy';

/** @throws {CheckpointError} a run that trained no classifier; a head that does not fit. */
export function classifierOf(
  { path, config }: Pick<RunFolder, 'path' | 'config'>,
  checkpoint: Checkpoint,
): ClassifierHead {
  if (config.head === null || !holdsClassifier(config))
    throw new CheckpointError(
      `${path}: holds no classifier (its method is ${JSON.stringify(config.method.name)}); \`contrastive fine-tune\` or fineTune() makes one of its encoder`,
    );
  const head = headOf(config.head, checkpoint);
  const { classes = Array.from({ length: head.featureDim }, (_, label) => String(label)) } = config;
  if (classes.length === head.featureDim) return { head, classes };
  head.dispose();
  throw new CheckpointError(
    `${path}: config.json must name the ${head.featureDim} classes, got ${classes.length} names`,
  );
}
