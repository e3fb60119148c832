/** Modules that hold others, named by their places: '0', '1', … */
import { OptionError, StateError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import { Module } from './module.ts';

/** Several modules in order: `list[0]`, `for (const module of list)`. As torch.nn.ModuleList. */
export class ModuleList<Part extends Module = Module> extends Module implements Iterable<Part> {
  readonly [place: number]: Part;

  /** @throws {OptionError} what is no list of modules. */
  constructor(parts: Iterable<Part> = []) {
    super();
    if (typeof (parts as Partial<Iterable<Part>>)?.[Symbol.iterator] !== 'function')
      throw new OptionError(`parts must be an array of modules, as in [a, b], got ${describe(parts)}`);
    for (const part of parts) this.append(part);
  }

  get length(): number {
    return [...this].length;
  }

  /** Adds a module at the end. */
  append(part: Part): this {
    if (!(part instanceof Module)) throw new OptionError(`part must be a Module, got ${describe(part)}`);
    return Object.assign(this, { [this.length]: part });
  }

  *[Symbol.iterator](): Iterator<Part> {
    for (let place = 0; place in this; place++) yield this[place] as Part;
  }

  /** @throws {StateError} always: a list has no forward pass of its own. */
  override forward(_x: Tensor): Tensor {
    throw new StateError('a ModuleList has no forward pass; call those of its modules');
  }
}

/**
 * Modules of which each takes what the one before it gives. As torch.nn.Sequential.
 * @example
 * const head = new Sequential([new Linear(512, 512), new ReLU(), new Linear(512, 128)]);
 */
export class Sequential extends ModuleList {
  override forward(x: Tensor): Tensor {
    return [...this].reduce((y, part) => part.forward(y), x);
  }
}
