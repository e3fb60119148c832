/** From a program to an ONNX graph: one operation after another, by a table. */
import { OptionError } from '../errors.ts';
import { autocastIn } from '../tensor/modes.ts';
import { type Program, type ProgramOperation, valuesIn } from '../tensor/program.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Call } from './call.ts';
import { computeConstants } from './constants.ts';
import { Graph, type Parts, type Value } from './graph.ts';
import { layers } from './operations/layers.ts';
import { pointwise } from './operations/pointwise.ts';
import { reductions } from './operations/reductions.ts';
import type { Rows } from './operations/rows.ts';
import { shapes } from './operations/shapes.ts';
import { type ValueType, valueTypes } from './value-types.ts';

/** Every operation that has an ONNX form. */
const table: Rows = { ...pointwise, ...reductions, ...shapes, ...layers };

export interface ProgramGraph {
  readonly parts: Parts;
  readonly output: ValueType;
}

export interface GraphSource {
  /** Of one input and one output. */
  readonly program: Program;
  /** Its captured tensors by name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The line of code of each operation, for errors. */
  readonly places: readonly string[];
  /** Inputs that differ in what the file leaves open: the batch size, the size of images. */
  readonly likes: readonly Tensor[];
}

/**
 * @param names of input and output in the graph.
 * @throws {OptionError} an operation that has no ONNX form; the message names it and its line of code.
 */
export async function graphOf(source: GraphSource, names: { input: string; output: string }): Promise<ProgramGraph> {
  const { program, tensors, places, likes } = source;
  const types = valueTypes(program, tensors, likes);
  const constants = await computeConstants(program, tensors);

  const graph = new Graph([names.input, names.output]);
  const captured = new Map(program.captured.map(({ value, name }) => [value, name]));
  const values = new Map<number, Value>();
  const input = program.inputs[0] as number;
  values.set(input, { name: names.input, ...(types.get(input) as ValueType) });
  for (const [value, { dtype, shape, data }] of constants.values) {
    const name = graph.constant(captured.get(value) ?? `constant_${value}`, dtype, shape, data);
    values.set(value, { name, dtype, shape });
  }
  for (const [i, operation] of constants.operations) {
    graph.scope = scopeOf(operation, captured);
    try {
      for (const [value, made] of translate(graph, operation, values, types)) values.set(value, made);
    } catch (error) {
      if (error instanceof OptionError && places[i]) throw new OptionError(`${error.message}, at ${places[i]}`);
      throw error;
    }
  }
  const { name, ...output } = values.get(program.outputs[0] as number) as Value;
  return { parts: graph.finish(name, names.output), output };
}

/** Adds the nodes of an operation; returns its results by their numbers. */
function translate(
  graph: Graph,
  { name, args, results, modes }: ProgramOperation,
  values: ReadonlyMap<number, Value>,
  types: ReadonlyMap<number, ValueType>,
): [number, Value][] {
  const known = results.flatMap((value) => types.get(value) ?? []);
  const call = new Call(graph, name, args, values, known);
  if (known.length < results.length) call.refuse('the shape of its result depends on values');
  const precision = autocastIn(modes);
  if (precision !== undefined)
    call.refuse(`it is called under autocast('${precision}'); a forward pass in a file is float32, without autocast`);
  const row = Object.hasOwn(table, name) ? table[name] : undefined;
  const made = row?.(call) ?? call.refuse('it is not in the table of operations');
  const outputs = typeof made === 'string' ? [made] : made;
  return results.map((value, i) => [value, { name: outputs[i] as string, ...(known[i] as ValueType) }]);
}

/** The layer whose parameters an operation takes, or its own name. */
function scopeOf({ name, args }: ProgramOperation, captured: ReadonlyMap<number, string>): string {
  const isOfLayer = (given: string): boolean => given.includes('.') && !given.startsWith('constant.');
  const parameter = valuesIn(args)
    .map((value) => captured.get(value) ?? '')
    .find(isOfLayer);
  return parameter?.replace(/\.[^.]*$/, '') ?? name.replace(/^aten::|\..*$/g, '');
}
