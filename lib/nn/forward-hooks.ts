/** `Module.registerForwardHook`: while a module has hooks, a function of its own stands before its class's forward(). */
import { outsideTidy, ownElsewhere } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ForwardHook, Module } from './module.ts';
import { stateOf } from './module-state.ts';

let areOff = false;

/**
 * Runs `fn` without the hooks of any module: it is recorded as a program, whose tensors have no values, and which a hook is no
 * part of. It must not wait.
 */
export function withoutForwardHooks<T>(fn: () => T): T {
  const before = areOff;
  areOff = true;
  try {
    return fn();
  } finally {
    areOff = before;
  }
}

/** @returns what removes the hook. */
export function addForwardHook(module: Module, hook: ForwardHook): () => void {
  const { hooks } = stateOf(module);
  const entry = { hook };
  if (hooks.size === 0) {
    const forward = module.forward;
    const hooked = (...inputs: unknown[]): Tensor => {
      let output = Reflect.apply(forward, module, inputs) as Tensor;
      if (areOff) return output;
      for (const each of [...hooks]) {
        ownElsewhere(output); // the hook may keep it, beyond the tidy() of a forward pass around
        const seen = output;
        output = outsideTidy(() => each.hook(module, inputs, seen)) ?? seen;
      }
      return output;
    };
    // Not enumerable: it is no field of the module's.
    Object.defineProperty(module, 'forward', { configurable: true, value: hooked });
  }
  hooks.add(entry);
  return () => {
    if (hooks.delete(entry) && hooks.size === 0) Reflect.deleteProperty(module, 'forward');
  };
}
