/** What `contrastive train --optimizer NAME` and `--schedule NAME` come to. */
import type { JsonObject } from '../checkpoint/run-config.ts';
import { optimizers } from '../optim/optimizer.ts';
import { schedules } from '../optim/schedule.ts';
import { chosenName, type Part, partOf, type Typed, withDefaults } from './parts.ts';

/** What optimizers have no default of, or another one: for batches of some hundred small images. */
const usual: Readonly<Record<string, JsonObject>> = {
  sgd: { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 },
  lars: { lr: 0.3, momentum: 0.9, weightDecay: 1e-6 },
};

/** The optimizers' options, by name. */
export const optimizerVariants = Object.fromEntries(
  Object.entries(optimizers).map(([name, declared]) => [name, withDefaults(declared, usual[name])]),
);

/** The schedules' options, by name. */
export const scheduleVariants = schedules;

/** Where its options are flags: milestones are for a config. */
export const offeredSchedules = Object.keys(schedules).filter((name) => name !== 'step');

/** With the learning rate, which a config says. */
export function usualOptimizer(name = 'sgd'): Part {
  const lr = optimizerVariants[name]?.lr?.default as number | undefined;
  return { name, ...(lr !== undefined && { lr }), ...usual[name] };
}
export const usualSchedule: Part = { name: 'cosine', warmup: 0.05 };

/** The optimizer that was typed, with what was typed of its options, on top of a config's. */
export function optimizerFrom(typed: Typed, config: JsonObject | undefined): Part {
  const name = chosenName('optimizer', typed, config?.name, 'sgd');
  return partOf('optimizer', optimizerVariants, typed, { config, usual: usualOptimizer(name) });
}

/** The length of a warm-up, of which a schedule takes one. */
const lengths = ['warmup', 'warmupEpochs', 'warmupSteps'] as const;

/** As optimizerFrom; a length of the warm-up that was typed takes the place of any other one. */
export function scheduleFrom(typed: Typed, config: JsonObject | undefined): Part {
  const name = chosenName('schedule', typed, config?.name, usualSchedule.name);
  const isTyped = lengths.some((length) => typed.given.has(length));
  const withoutLength = (part: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(part).filter(([option]) => !(isTyped && lengths.some((of) => of === option))));
  const usual = name === 'one-cycle' ? { name } : { ...usualSchedule, name };
  return partOf('schedule', scheduleVariants, typed, {
    config: config && withoutLength(config),
    usual: { ...withoutLength(usual), name },
  });
}
