/** The part of a program that depends on no input, computed once: parameters, and what is made of them alone. */
import { OptionError } from '../errors.ts';
import type { DType, TypedArray } from '../native/addon.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { type Argument, type Program, type ProgramOperation, runProgram, valuesIn } from '../tensor/program.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface ConstantValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export interface Constants {
  /** By their numbers, as far as the other operations read them. */
  readonly values: ReadonlyMap<number, ConstantValue>;
  /** What is left to compute for each input, by its place in the program. */
  readonly operations: ReadonlyMap<number, ProgramOperation>;
}

/** Values are those at the time of the call. */
export async function computeConstants(program: Program, tensors: ReadonlyMap<string, Tensor>): Promise<Constants> {
  const known = new Set(program.captured.map(({ value }) => value));
  const constant: ProgramOperation[] = [];
  const operations = new Map<number, ProgramOperation>();
  for (const [i, operation] of program.operations.entries())
    if (operation.args.every((arg) => isConstant(arg, known))) {
      constant.push(operation);
      for (const value of operation.results) known.add(value);
    } else operations.set(i, operation);

  const needed = new Set([...[...operations.values()].flatMap(({ args }) => valuesIn(args)), ...program.outputs]);
  const outputs = [...needed].filter((value) => known.has(value));
  const values = await tidy(() => {
    const results = noGrad(() => runProgram({ ...program, inputs: [], operations: constant, outputs }, tensors, []));
    return Promise.all(results.map(read));
  });
  return { values: new Map(outputs.map((value, i) => [value, values[i] as ConstantValue])), operations };
}

async function read(tensor: Tensor): Promise<ConstantValue> {
  const data = await tensor.data();
  const { dtype, shape } = tensor;
  if (dtype === 'bfloat16' || dtype === 'float16')
    throw new OptionError(`weights must be float32 to be exported, got ${dtype}`);
  return { dtype, shape, data };
}

function isConstant(arg: Argument, known: ReadonlySet<number>): boolean {
  if (typeof arg !== 'object' || arg === null) return true;
  if (Array.isArray(arg)) return arg.every((each) => isConstant(each, known));
  return 'value' in arg ? known.has(arg.value) : 'device' in arg;
}
