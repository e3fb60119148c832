/**
 * Programs in files: JSON, an operation a line. Reading treats the file as hostile: it can name operations of a list and nothing
 * else, and what they make is known before it is computed (program-limits.ts).
 */
import { CheckpointError, messageOf } from '../errors.ts';
import { isObject, parseStrictJson } from '../files/strict-json.ts';
import { type Argument, type Program, type ProgramOperation, valuesIn } from '../tensor/program.ts';
import { impurityOf, parametersOf } from '../tensor/schema.ts';
import { clip, describe, nearest } from '../validate.ts';
import { allowedOperations } from './program-operations.ts';

const kFormat = 1;
const kMaxDepth = 6; // file, operations, operation, args, list, value
const most = { bytes: 32e6, operations: 20_000, values: 100_000, inputs: 64, list: 1024, text: 1000 } as const;

/** Numbers that JSON lacks. */
const strangeNumbers = ['NaN', 'Infinity', '-Infinity', '-0'];

function plainArgument(arg: Argument): unknown {
  if (arg === undefined) return { default: true };
  if (Array.isArray(arg)) return arg.map(plainArgument);
  const text = Object.is(arg, -0) ? '-0' : String(arg);
  return typeof arg === 'number' && strangeNumbers.includes(text) ? { number: text } : arg;
}

/**
 * A program as the text of a file.
 * @throws {CheckpointError} one that decodeProgram() would refuse, with its reason.
 */
export function encodeProgram(program: Program): string {
  const lines = program.operations.map((operation) =>
    JSON.stringify({ ...operation, args: operation.args.map(plainArgument) }),
  );
  const { inputs, outputs, captured } = program;
  const head = JSON.stringify({ format: kFormat, inputs, outputs, captured }).slice(0, -1);
  const text = `${head},"operations":[\n${lines.join(',\n')}\n]}\n`;
  decodeProgram(text, 'the program');
  return text;
}

/**
 * Reads a program and checks all of it that can be known without tensors: references, names, numbers of arguments, and that its
 * operations are pure ones of the list. Types and shapes are checked where it is run.
 *
 * @param file named in messages.
 * @throws {CheckpointError} naming the operation where one is to blame.
 */
export function decodeProgram(text: string, file: string): Program {
  try {
    if (text.length > most.bytes) throw new Error(`must have at most ${most.bytes} characters, got ${text.length}`);
    return programIn(parseStrictJson(text, kMaxDepth));
  } catch (error) {
    throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

function programIn(json: unknown): Program {
  const { format, ...rest } = fields('the file', json, ['format', 'inputs', 'outputs', 'captured', 'operations']);
  if (format !== kFormat) throw new Error(`format must be ${kFormat}, got ${describe(format)}`);
  const made = new Set<number>();
  const make = (where: string, value: unknown): number => {
    if (made.size >= most.values) throw new Error(`${where}: a program has at most ${most.values} values`);
    if (!isNumberOfValue(value)) throw new Error(`${where} must be the number of a value, got ${describe(value)}`);
    if (made.has(value)) throw new Error(`${where}: the value ${value} is made twice`);
    made.add(value);
    return value;
  };
  const use = (where: string, value: unknown): number => {
    if (!made.has(value as number))
      throw new Error(`${where} must be a value that is made before, got ${describe(value)}`);
    return value as number;
  };
  const inputs = list('inputs', rest.inputs, most.inputs).map((value) => make('inputs', value));
  if (inputs.length === 0) throw new Error('inputs must not be empty');
  const names = new Set<string>();
  const captured = list('captured', rest.captured, most.values).map((each, i) => {
    const where = `captured[${i}]`;
    const { value, name } = fields(where, each, ['value', 'name']);
    const text = string(`${where}.name`, name);
    if (names.has(text)) throw new Error(`${where}: the name '${clip(text)}' occurs twice`);
    names.add(text);
    return { value: make(`${where}.value`, value), name: text };
  });
  const operations = list('operations', rest.operations, most.operations).map((each, i) => {
    const operation = operationIn(`operation ${i}`, each);
    const where = nameOperation(i, operation);
    for (const value of valuesIn(operation.args)) use(`${where}: an argument`, value);
    for (const value of operation.results) make(`${where}: a result`, value);
    return operation;
  });
  const outputs = list('outputs', rest.outputs, most.values).map((value) => use('outputs', value));
  return { inputs, outputs, captured, operations };
}

/** "operation 12, 'aten::add.Tensor'" */
export const nameOperation = (index: number, { name }: Pick<ProgramOperation, 'name'>): string =>
  `operation ${index}, '${name}'`;

function operationIn(place: string, json: unknown): ProgramOperation {
  const { name: given, ...rest } = fields(place, json, ['name', 'args', 'results', 'modes']);
  const name = string(`${place}: name`, given);
  if (!allowedOperations.has(name)) {
    const near = nearest(name, [...allowedOperations]);
    const hint = near === undefined ? '' : `; did you mean '${near}'?`;
    throw new Error(`${place}: '${clip(name)}' is no operation that a program may call${hint}`);
  }
  const where = `${place}, '${name}'`;
  const args = list(`${where}: args`, rest.args, most.list).map((arg, i) => argumentIn(`${where}: args[${i}]`, arg));
  const results = list(`${where}: results`, rest.results, most.values) as number[]; // programIn() looks at them
  const parameters = parametersOf(name);
  if (args.length > parameters.length)
    throw new Error(`${where} takes at most ${parameters.length} arguments, got ${args.length}`);
  const device = args.find((arg, i) => typeof arg === 'string' && parameters[i]?.isDevice);
  if (device !== undefined) throw new Error(`${where}: a device must be { device: true }, got ${describe(device)}`);
  const impurity = impurityOf(name, args);
  if (impurity !== undefined) throw new Error(`${where} ${impurity}`);
  if (!isMode(rest.modes)) throw new Error(`${where}: modes must be 0 to 5, got ${describe(rest.modes)}`);
  return { name, args, results, modes: rest.modes };
}

function argumentIn(where: string, json: unknown, inList = false): Argument {
  if (json === null || typeof json === 'boolean' || typeof json === 'number') return json;
  if (typeof json === 'string') return string(where, json);
  if (Array.isArray(json) && !inList)
    return list(where, json, most.list).map((each, i) => argumentIn(`${where}[${i}]`, each, true));
  const [[key, inner] = [], ...others] = isObject(json) ? Object.entries(json) : [];
  if (others.length === 0) {
    if (key === 'value' && isNumberOfValue(inner)) return { value: inner };
    if (key === 'device' && inner === true) return { device: true };
    if (key === 'batch' && Number.isSafeInteger(inner)) return { batch: inner as number };
    if (key === 'number' && strangeNumbers.includes(inner as string)) return Number(inner);
    if (key === 'default' && inner === true && !inList) return undefined;
  }
  const expected =
    "a plain value, a list, { value }, { batch }, { device: true }, { number: 'NaN' or the like } or { default: true }";
  throw new Error(`${where} must be ${expected}, got ${clip(JSON.stringify(json))}`);
}

const isNumberOfValue = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Gradients off (1), and bfloat16 (2) or float16 (4) of autocast. */
const isMode = (value: unknown): value is number => [0, 1, 2, 3, 4, 5].includes(value as number);

function list(where: string, value: unknown, length: number): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${where} must be an array, got ${describe(value)}`);
  if (value.length > length) throw new Error(`${where} must have at most ${length} elements, got ${value.length}`);
  return value;
}

function string(where: string, value: unknown): string {
  if (typeof value === 'string' && value.length <= most.text) return value;
  throw new Error(`${where} must be a string of at most ${most.text} characters, got ${describe(value)}`);
}

function fields<K extends string>(where: string, value: unknown, names: readonly K[]): Record<K, unknown> {
  const there = isObject(value) ? Object.keys(value) : [];
  if (there.length !== names.length || !names.every((name) => there.includes(name)))
    throw new Error(
      `${where} must be an object of ${names.join(', ')}, got ${clip(there.join(', ')) || describe(value)}`,
    );
  return value as Record<K, unknown>;
}
