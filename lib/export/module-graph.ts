/** A graph in the making: nodes by their order of computation, and the constants that they read. */
import type { Attribute, Constant, Node } from './onnx-model.ts';

/** A parameter or buffer, read. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Weights = ReadonlyMap<string, Weight>;

export class Graph {
  readonly nodes: Node[] = [];
  readonly constants: Constant[] = [];

  /** Adds a node with one output; returns the output's name, which is `name`. */
  add(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    this.nodes.push({ op, inputs, output: name, attributes });
    return name;
  }

  /** Gives the last node's output another name. */
  nameOutput(name: string): void {
    this.nodes.push({ ...(this.nodes.pop() as Node), output: name });
  }

  /** Adds a constant; returns its name. */
  constant(name: string, { shape, data }: Weight): string {
    this.constants.push({ name, dtype: 'float32', shape, data });
    return name;
  }
}

/** What is there by construction of the module. */
export function weightOf(weights: Weights, name: string): Weight {
  const weight = weights.get(name);
  if (weight === undefined) throw new Error(`the module has no '${name}'`);
  return weight;
}
