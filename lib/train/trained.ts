/** What a training trains, from its options: the method's own modules, and all parameters by name. */
import type { Method } from '../methods/method.ts';
import { Network } from '../methods/network.ts';
import { Module } from '../nn/module.ts';
import { nextSeed } from '../options/kinds.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './options.ts';

/** New modules. Their initial weights are from another seed than encoder and head may have begun with. */
export function makeMethod(
  { method, encoder, head, precision, ranks, seed }: ResolvedOptions,
  student = new Network({ encoder, head }, precision, ranks),
): Method {
  return method.make({ student, device: encoder.device, seed: nextSeed(seed) });
}

/** What the optimizer trains, named as in a checkpoint: of a module the parameters that require a gradient. */
export function trainedParameters({ encoder, head }: ResolvedOptions, method: Method): Map<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [prefix, part] of Object.entries({ encoder, head, method }))
    for (const [name, value] of part?.namedParameters() ?? [])
      if (value.requiresGrad || !(part instanceof Module)) all.set(`${prefix}.${name}`, value);
  return all;
}
