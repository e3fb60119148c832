/** One operation of a program on its way into the graph: its arguments by the names of its schema. */
import { OptionError } from '../errors.ts';
import type { DType } from '../native/addon.ts';
import type { Argument } from '../tensor/program.ts';
import { parametersOf } from '../tensor/schema.ts';
import type { Graph, Value } from './graph.ts';
import type { KnownSize, Size } from './sizes.ts';

const integral: ReadonlySet<DType> = new Set(['bool', 'uint8', 'int32', 'int64']);

export class Call {
  readonly operation: string;
  readonly graph: Graph;
  /** What the operation makes; their names are not given yet. */
  readonly results: readonly Omit<Value, 'name'>[];
  readonly #args: ReadonlyMap<string, unknown>;
  readonly #values: ReadonlyMap<number, Value>;

  /** @param values tensors of the graph by their numbers in the program. */
  constructor(
    graph: Graph,
    operation: string,
    args: readonly Argument[],
    values: ReadonlyMap<number, Value>,
    results: readonly Omit<Value, 'name'>[],
  ) {
    this.graph = graph;
    this.operation = operation;
    this.results = results;
    this.#values = values;
    this.#args = new Map(
      parametersOf(operation).map(({ name, length, byDefault }, i) => {
        const arg = args[i] ?? byDefault;
        return [name, length !== undefined && isSize(arg) ? new Array(length).fill(arg) : arg];
      }),
    );
  }

  /** The first result. */
  get result(): Omit<Value, 'name'> {
    return this.results[0] as Omit<Value, 'name'>;
  }

  has(name: string): boolean {
    return (this.#args.get(name) ?? undefined) !== undefined;
  }

  #get<T>(name: string, what: string, is: (arg: unknown) => boolean): T {
    const arg = this.#args.get(name);
    return is(arg) ? (arg as T) : this.refuse(`'${name}' must be ${what}`);
  }

  number(name: string): number {
    return this.#get(name, 'a number', (arg) => typeof arg === 'number');
  }

  numbers(name: string): readonly number[] {
    const isNumber = (arg: unknown): boolean => typeof arg === 'number';
    return this.#get(name, 'a list of numbers', (arg) => Array.isArray(arg) && arg.every(isNumber));
  }

  flag(name: string): boolean {
    return this.#get(name, 'true or false', (arg) => typeof arg === 'boolean');
  }

  text(name: string): string {
    return this.#get(name, 'a text', (arg) => typeof arg === 'string');
  }

  size(name: string): KnownSize {
    return this.#get(name, 'a size', isSize);
  }

  sizes(name: string): readonly KnownSize[] {
    return this.#get(name, 'a list of sizes', (arg) => Array.isArray(arg) && arg.every(isSize));
  }

  /** A tensor; a number in its place is one of no dimensions, of the given type, or float32 where it has a fraction. */
  value(name: string, dtype: DType = 'float32'): Value {
    return this.#valueOf(name, this.#args.get(name), dtype);
  }

  values(name: string): readonly Value[] {
    const args = this.#get<unknown[]>(name, 'a list of tensors', Array.isArray);
    return args.map((arg) => this.#valueOf(name, arg, 'float32'));
  }

  #valueOf(name: string, arg: unknown, dtype: DType): Value {
    if (typeof arg === 'number') {
      const own = integral.has(dtype) && !Number.isInteger(arg) ? 'float32' : dtype;
      return { name: this.graph.scalar(arg, own), dtype: own, shape: [] };
    }
    const value = this.#values.get((arg as { value?: number } | undefined)?.value ?? -1);
    return value ?? this.refuse(`'${name}' must be a tensor`);
  }

  /** The name of a tensor in the graph, as the given type. */
  input(name: string, dtype?: DType): string {
    const value = this.value(name, dtype);
    return dtype === undefined ? value.name : this.graph.cast(value, dtype);
  }

  /** The same for one that may be left out. */
  optional(name: string): string | undefined {
    return this.has(name) ? this.input(name) : undefined;
  }

  add(...node: Parameters<Graph['add']>): string {
    return this.graph.add(...node);
  }

  /** A size that has to be known when the file is written. */
  fixed(size: Size | undefined, what: string): number {
    return typeof size === 'number' ? size : this.refuse(`${what} must be the same for every input`);
  }

  /** @throws {OptionError} always: an operation, or a variant of it, that the file cannot have. */
  refuse(why: string): never {
    throw new OptionError(`${this.operation} has no ONNX form here: ${why}`);
  }
}

function isSize(arg: unknown): boolean {
  return typeof arg === 'number' || (typeof arg === 'object' && arg !== null && 'batch' in arg);
}
