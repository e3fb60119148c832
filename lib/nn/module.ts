/** Parts of a network: a forward pass, and the parameters, running statistics and parts that the fields hold. */
import { OptionError, StateError } from '../errors.ts';
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { newJob } from '../native/jobs.ts';
import { flags, ownElsewhere } from '../tensor/modes.ts';
import { currentRecorder } from '../tensor/recorder.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, expectBoolean, expectString } from '../validate.ts';
import { copyOf } from './clone.ts';
import { checkHolders, fieldsOf } from './fields.ts';
import { addForwardHook } from './forward-hooks.ts';
import { modeKeyOf } from './mode-key.ts';
import { isTraining, stateOf } from './module-state.ts';
import { Parameter } from './parameter.ts';
import { copyState, type LoadStateDictOptions, type LoadStateDictResult } from './state-dict.ts';
import { type LoadedWeights, type LoadWeightsOptions, loadWeights, writeWeights } from './weights-file.ts';

/** What makes a module again: a registered name and its options, as plain data. */
export interface ModuleConfig {
  readonly name: string;
  readonly [option: string]: boolean | number | string;
}

/** Sees a module's output; a tensor that it returns stands in its place. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: Tensor) => Tensor | undefined;

/**
 * A layer, a network, a head: a class with a `forward`, as torch.nn.Module.
 *
 * Its parameters are the fields that hold a `Parameter`, its parts the fields that hold a Module, or arrays of either; in a Map, a Set
 * or a plain object they are refused. Its buffers are those that `registerBuffer` named. Names are PyTorch's: dotted, arrays by index, and a field `outProj` is named
 * 'out_proj'. A module is made on the CPU, in training mode; it has no device of its own.
 *
 * A forward pass is operations on tensors and nothing else: it reads no values and awaits nothing.
 *
 * The module owns its parameters and buffers: a tidy() around it leaves them, dispose() frees them.
 * @example
 * class Mlp extends Module {
 *   readonly hidden = new Linear(64, 32);
 *   readonly out = new Linear(32, 10);
 *   override forward(x: Tensor): Tensor {
 *     return this.out.forward(this.hidden.forward(x).relu());
 *   }
 * }
 * [...new Mlp().namedParameters().keys()]; // hidden.weight, hidden.bias, out.weight, out.bias
 */
export abstract class Module {
  /** Of a module that its name and options make again. */
  declare readonly config?: ModuleConfig;

  /** @returns differentiable in the inputs and in the parameters. */
  abstract forward(x: Tensor, ...more: never[]): Tensor;

  /**
   * Adds a tensor that is saved and moved but not trained.
   * @param name in the state dict.
   * @param value is the module's from now on. A field that holds it beside is no part of that: who assigns another tensor to the
   * field leaves the buffer as it is; `copy_` changes both.
   * @throws {OptionError} what is no tensor; {StateError} a name that another buffer of this module has.
   */
  registerBuffer(name: string, value: Tensor): Tensor {
    const { buffers } = stateOf(this);
    if (!(value instanceof Tensor)) throw new OptionError(`value must be a tensor, got ${describe(value)}`);
    if (buffers.has(expectString('name', name))) throw new StateError(`a module has two buffers named '${name}'`);
    ownElsewhere(value);
    buffers.set(name, value);
    return value;
  }

  /** What an optimizer trains, by name; live. A parameter that has several names comes once. */
  namedParameters(): ReadonlyMap<string, Parameter> {
    const seen = new Set<Parameter>();
    return named(this, (module) => parametersOf(module).filter(([, value]) => isFirst(value, seen)));
  }

  /** What an optimizer trains; live. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** Running statistics and the like, by name; live. A buffer that has several names comes once. */
  namedBuffers(): ReadonlyMap<string, Tensor> {
    const seen = new Set<Tensor>();
    return named(this, (module) => [...stateOf(module).buffers].filter(([, value]) => isFirst(value, seen)));
  }

  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  /** This module, named '', and all its parts, each once. */
  namedModules(): ReadonlyMap<string, Module> {
    const seen = new Set<Module>();
    return new Map([...walk(this)].filter(([, module]) => isFirst(module, seen)));
  }

  /** Parameters and buffers by name, in PyTorch's order; live handles, not copies. */
  stateDict(): ReadonlyMap<string, Tensor> {
    return named<Tensor>(this, (module) => [...parametersOf(module), ...stateOf(module).buffers]);
  }

  /**
   * Copies values into the parameters and buffers. `num_batches_tracked` may be missing.
   *
   * @throws {StateError} with `strict`, a name that is missing or left over; {ShapeError} a tensor of another shape.
   * Nothing is copied then.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: LoadStateDictOptions = {}): LoadStateDictResult {
    return copyState(this.stateDict(), state, options);
  }

  /** Writes parameters and buffers as safetensors; the file appears when it is complete, or not at all. */
  save(file: string): Promise<void> {
    return writeWeights(file, this.stateDict(), this.config);
  }

  /**
   * Reads parameters and buffers from safetensors, or from a .pth or .pt of PyTorch's torch.save(), of which only tensors are read
   * and no code is run. Where the names of the file begin otherwise ('state_dict.module.encoder_q.'), that is found, and names
   * of SupContrast, lightly and timm are translated. Parts that this module lacks, such as a classifier, are left out. A first
   * convolution for other channels is adapted: summed for gray images, else its channels repeated and scaled, as in timm. Positions of a vision
   * transformer are interpolated to its grid of patches; weights of batch normalisation with another ε are scaled.
   *
   * @returns what was loaded, left out and adapted.
   * @throws {CheckpointError} a file that is missing, damaged or does not fit the module; nothing is copied then.
   * @throws {OptionError} an unknown or wrong option.
   * @example
   * await resnet18().load('resnet18-f37072fd.pth'); // torchvision's weights
   */
  async load(file: string, options: LoadWeightsOptions = {}): Promise<LoadedWeights> {
    checkAlive(this);
    return loadWeights(this, file, options);
  }

  /**
   * Whether normalisation uses the statistics of the batch and updates the running ones, and dropout drops.
   * @throws {StateError} where this is so, and the forward pass is being compiled for inference.
   */
  get training(): boolean {
    const state = stateOf(this);
    const training = isTraining(state);
    const recorder = currentRecorder();
    if (training && recorder?.isInference)
      throw new StateError(
        `${this.constructor.name} is in training mode, but is compiled for inference; call eval() first`,
      );
    recorder?.assume(() => isTraining(state) === training);
    return training;
  }

  /** Sets the mode of this module and all its parts. */
  train(on = true): this {
    const training = expectBoolean('on', on);
    checkAlive(this);
    for (const module of this.namedModules().values()) stateOf(module).training = training;
    return this;
  }

  /** As train(false). */
  eval(): this {
    return this.train(false);
  }

  /**
   * Whether forward() does nothing besides operations on tensors: no count of its calls, no random number of JavaScript's.
   * Where this is true, training, features and embedders record it and run it as one native job without being asked.
   * Default false; true for the encoders and heads of this package, but not for classes that extend them.
   */
  get isPure(): boolean {
    return false;
  }

  /**
   * As text, which parts, parameters and buffers this module has, and in which modes: a recording of forward() is for one such
   * text. Undefined where a part has a forward hook, which a recording would not call.
   * @throws {StateError} this module or one of its parts was disposed.
   */
  get modeKey(): string | undefined {
    return modeKeyOf(this);
  }

  /** Of the first parameter, or else buffer; 'cpu' where there is none. */
  get device(): string {
    return this.stateDict().values().next().value?.device ?? 'cpu';
  }

  /**
   * Moves parameters, their gradients and buffers, in place: the tensors that parameters() gave stay the module's.
   * @throws {DeviceError} a device that is not there; the message says why.
   */
  to(device: string): this {
    const tensors = [...new Set(this.stateDict().values())];
    const job = newJob(this.to);
    const handles = tensors.map(({ handle }) => handle);
    const moved = guard(() => loadAddon().move(handles, device, flags(), job));
    for (const [i, handle] of moved.entries()) tensors[i]?.rebind(handle);
    return this;
  }

  /**
   * The same module again, on the same device and in the same mode, with parameters and buffers of its own. Other values
   * in its fields are shared; hooks are not copied. The constructor does not run: a class with #private fields, or with a field
   * that is an arrow function, whose `this` stays the first module, has to bring a clone() of its own.
   */
  clone(): this {
    checkAlive(this);
    return copyOf(this) as this;
  }

  /**
   * Calls `hook` after each forward() of this module: to look at the features of a layer, or to replace them. No tidy()
   * disposes the output that it is given.
   * @returns what removes the hook.
   * @example
   * const remove = encoder.layer4.registerForwardHook((_module, _inputs, output) => void maps.push(output));
   */
  registerForwardHook(hook: ForwardHook): () => void {
    if (typeof hook !== 'function') throw new OptionError(`hook must be a function, got ${describe(hook)}`);
    return addForwardHook(this, hook);
  }

  get isDisposed(): boolean {
    return stateOf(this).isDisposed;
  }

  /** Frees the native memory now, that of the parts too. Queued operations keep what they need. */
  dispose(): void {
    if (this.isDisposed) return;
    for (const module of this.namedModules().values()) {
      const state = stateOf(module);
      for (const [, value] of [...parametersOf(module), ...state.buffers]) value.dispose();
      state.isDisposed = true;
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkAlive(module: Module): void {
  if (module.isDisposed) throw new StateError('this module was disposed');
}

/** Whether `value` was not seen yet. */
function isFirst<T>(value: T, seen: Set<T>): boolean {
  const first = !seen.has(value);
  seen.add(value);
  return first;
}

const parametersOf = (module: Module) => fieldsOf(module, (value) => value instanceof Parameter);
const childrenOf = (module: Module) => fieldsOf(module, (value) => value instanceof Module);

/** A module and all its parts, a part before its own parts. @throws {StateError} a module that is a part of itself. */
function* walk(module: Module, name = '', around: readonly Module[] = []): Iterable<[string, Module]> {
  if (around.includes(module)) throw new StateError(`a module must not be a part of itself: '${name}'`);
  yield [name, module];
  for (const [child, part] of childrenOf(module))
    yield* walk(part, name === '' ? child : `${name}.${child}`, [...around, module]);
}

/** What `own` gives of each module, under dotted names. */
function named<T extends Tensor>(module: Module, own: (module: Module) => [string, T][]): Map<string, T> {
  checkAlive(module);
  const all = new Map<string, T>();
  for (const [prefix, part] of walk(module)) {
    checkHolders(part, (value) => value instanceof Module || value instanceof Parameter);
    for (const [last, value] of own(part)) {
      const name = prefix === '' ? last : `${prefix}.${last}`;
      if (all.has(name)) throw new StateError(`a module has two tensors named '${name}'`);
      all.set(name, value);
    }
  }
  return all;
}
