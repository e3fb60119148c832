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

/** By name, each tensor once, by its first name: encoder and head may share some. */
export function byFirstName(entries: Iterable<readonly [string, Tensor]>): Map<string, Tensor> {
  const names = new Map<Tensor, string>();
  for (const [name, value] of entries) if (!names.has(value)) names.set(value, name);
  return new Map([...names].map(([value, name]) => [name, value]));
}

/** What the optimizer trains, named as in a checkpoint: of a module the parameters that require a gradient. */
export function trainedParameters({ encoder, head }: ResolvedOptions, method: Method): Map<string, Tensor> {
  const all = Object.entries({ encoder, head, method }).flatMap(([prefix, part]) =>
    [...(part?.namedParameters() ?? [])]
      .filter(([, value]) => value.requiresGrad || !(part instanceof Module))
      .map(([name, value]) => [`${prefix}.${name}`, value] as const),
  );
  return byFirstName(all);
}
