/** What a program from a file may cost. It is recorded on tensors without values, and refused there before anything is computed. */
import { CheckpointError, messageOf } from '../errors.ts';
import { type Compiled, compile } from '../tensor/compile.ts';
import { type CallOperation, type Program, type ProgramOperation, runProgram, valuesIn } from '../tensor/program.ts';
import { Tensor } from '../tensor/tensor.ts';
import { nameOperation } from './program-file.ts';

// A ResNet-152 makes tensors of 10^6 values from an image of 224 by 224 pixels, and takes 10^10 multiplications.
const maxValues = { atAll: 2 ** 26, perSample: 2 ** 25 } as const; // that are held at one time
const maxSteps = { atAll: 2 ** 38, perSample: 2 ** 40 } as const; // multiplications, and what takes as long
const stepsPerValue = 32; // that an operation reads or writes: an exponential, or memory that is slow
const maxParts = 2 ** 16;

/** Operations that make a tensor of numbers. */
const making: readonly string[] = ['full', 'zeros', 'ones', 'arange', 'eye'].map((name) => `aten::${name}`);

/** Operations that give a list, of one tensor for each part of a dimension. */
const splitting: readonly string[] = ['aten::split.Tensor', 'aten::chunk', 'aten::unbind.int'];

/**
 * A program from a file as a function of its inputs, run as one job. Each time it is recorded, for another batch size, what it
 * would hold and compute is added up from the shapes, and refused where it is out of all proportion to the inputs.
 *
 * @param tensors by name, at least those that it captures.
 * @param file named in messages.
 * @returns a function that throws a CheckpointError, naming the operation, at what cannot be run or costs too much; the caller
 * disposes it.
 */
export function compileProgram(
  program: Program,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Compiled<readonly Tensor[], Tensor[]> {
  return compile((...inputs: readonly Tensor[]) => {
    try {
      return runProgram(program, tensors, inputs, limited(program, inputs[0]?.shape[0] ?? 0));
    } catch (error) {
      throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
    }
  });
}

/** Calls operations of one run and adds up what they cost. */
function limited(program: Program, batch: number): CallOperation {
  const lastUse = new Map<number, number>(program.outputs.map((value) => [value, Number.POSITIVE_INFINITY]));
  for (const [i, { args }] of program.operations.entries())
    for (const value of valuesIn(args)) lastUse.set(value, Math.max(i, lastUse.get(value) ?? 0));
  const held = new Map<number, number>(); // sizes of results that are still used
  let [index, values, steps] = [-1, 0, 0];
  return (operation, args, call) => {
    const { name, results } = operation;
    try {
      index++;
      refuseNumbersAlone(name, args);
      refuseParts(name, args);
      const made = call();
      refuseNegative(made);
      const { temporary, multiplications } = costOf(operation, args, made);
      const sizes = made.map(({ size }) => size);
      for (const [i, value] of results.entries()) held.set(value, sizes[i] ?? 0);
      values += sum(sizes);
      steps += multiplications + stepsPerValue * sum([...sizes, ...tensorsIn(args).map(({ size }) => size)]);
      refuseAbove('values at one time', values + temporary, maxValues, batch);
      refuseAbove('steps', steps, maxSteps, batch);
      for (const value of [...valuesIn(operation.args), ...results]) {
        if ((lastUse.get(value) ?? 0) > index) continue;
        values -= held.get(value) ?? 0;
        held.delete(value);
      }
      return made;
    } catch (error) {
      throw new Error(`${nameOperation(index, operation)}: ${messageOf(error)}`, { cause: error });
    }
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

const tensorsIn = (args: readonly unknown[]): Tensor[] => args.flat().filter((arg) => arg instanceof Tensor);

function refuseAbove(
  what: string,
  count: number,
  { atAll, perSample }: { readonly atAll: number; readonly perSample: number },
  batch: number,
): void {
  const limit = atAll + perSample * batch;
  if (count > limit) throw new Error(`needs ${count} ${what}; a program may take ${limit} for a batch of ${batch}`);
}

/** Of what is empty, libtorch lets `expand` make a dimension of −1, which would count against the others. */
function refuseNegative(made: readonly Tensor[]): void {
  for (const { shape } of made)
    if (shape.some((side) => side < 0)) throw new Error(`makes a tensor of shape [${shape}]`);
}

/** A number in the place of a tensor has a value: an operation of numbers alone would be computed here and now. */
function refuseNumbersAlone(name: string, args: readonly unknown[]): void {
  if (!making.includes(name) && tensorsIn(args).length === 0)
    throw new Error('takes no tensor, and computes with numbers alone');
}

/** An empty dimension has as many chunks as are asked for. */
function refuseParts(name: string, [input, number]: readonly unknown[]): void {
  if (!splitting.includes(name) || !(input instanceof Tensor)) return;
  if (Math.max(...input.shape, Number(number ?? 0)) > maxParts)
    throw new Error(`splits a tensor of shape [${input.shape}] by ${number}; a dimension may have ${maxParts} parts`);
}

/** Multiplications beyond one a value, and values that are held while it runs. */
function costOf(
  { name }: ProgramOperation,
  args: readonly unknown[],
  made: readonly Tensor[],
): { readonly temporary: number; readonly multiplications: number } {
  const [a, b] = args as readonly Tensor[];
  const result = made[0]?.size ?? 0;
  const last = (tensor: Tensor | undefined): number => tensor?.shape.at(-1) ?? 1;
  const plain = (multiplications: number) => ({ temporary: 0, multiplications });
  switch (name) {
    case 'aten::linear':
    case 'aten::mm':
    case 'aten::bmm':
      return plain(result * last(a));
    case 'aten::addmm':
      return plain(result * last(b));
    case 'aten::matmul': {
      // Operands that are broadcast are copied.
      const multiplications = result * last(a);
      const [m, n] = [made[0]?.shape.at(-2) || 1, last(made[0]) || 1];
      return { temporary: multiplications / m + multiplications / n, multiplications };
    }
    case 'aten::conv2d': {
      // Where the kernel is not one of the fast ones, its windows are laid out first.
      const window = (b as Tensor).size / ((b as Tensor).shape[0] || 1);
      return { temporary: (result * window) / ((b as Tensor).shape[0] || 1), multiplications: result * window };
    }
    case 'aten::max_pool2d':
    case 'aten::avg_pool2d': {
      const [height = 1, width = height] = [args[1]].flat() as number[];
      return plain(result * height * width);
    }
    case 'aten::scaled_dot_product_attention':
    case 'scaled_dot_product_attention': {
      const scores = (result / (last(made[0]) || 1)) * ((b as Tensor).shape.at(-2) ?? 1);
      return { temporary: scores, multiplications: scores * (last(a) + last(made[0])) };
    }
    default:
      return plain(0);
  }
}
