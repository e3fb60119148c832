/** What the values of a program are, for every input at once. */
import { type DType, loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { type Program, runProgram } from '../tensor/program.ts';
import { Recording } from '../tensor/recording.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Size, sizeOf } from './sizes.ts';

export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Size[];
}

interface Seen {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * Dtypes and sizes of the values of a program of one input, by their numbers. Nothing is computed: the program runs on
 * shapes.
 * @param likes inputs of the program that differ in what may differ: the batch size, the size of images.
 */
export function valueTypes(
  program: Program,
  tensors: ReadonlyMap<string, Tensor>,
  likes: readonly Tensor[],
): Map<number, ValueType> {
  const batches = likes.map(({ shape }) => shape[0] as number);
  const [first, ...others] = likes.map((like) => seenTypes(program, tensors, like));
  return new Map(
    [...(first as Map<number, Seen>)].map(([value, { dtype, shape }]) => {
      const sizes = shape.map((size, i) =>
        sizeOf([size, ...others.map((other) => other.get(value)?.shape[i] as number)], batches),
      );
      return [value, { dtype, shape: sizes }];
    }),
  );
}

/** What depends on values, as the number of those above a threshold does, is left out. */
function seenTypes(program: Program, tensors: ReadonlyMap<string, Tensor>, like: Tensor): Map<number, Seen> {
  const seen = new Map<number, Seen>();
  const note = (value: number, { handle }: Tensor): void => {
    const { dtype, shape } = guard(() => loadAddon().describe(handle));
    if (dtype !== undefined && shape !== undefined) seen.set(value, { dtype, shape });
  };
  note(program.inputs[0] as number, like);
  for (const { value, name } of program.captured) note(value, tensors.get(name) as Tensor);
  const run = (inputs: readonly Tensor[]): Tensor[] =>
    runProgram(program, tensors, inputs, ({ results }, _args, call) => {
      const made = call();
      for (const [i, value] of results.entries()) note(value, made[i] as Tensor);
      return made;
    });
  tidy(() => Recording.of([like], (inputs) => noGrad(() => run(inputs))).dispose());
  return seen;
}
