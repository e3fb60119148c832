/** Rows that several commands have in their tables of options. */
import { processGroupOptions } from '../distributed/group.ts';
import { countOption, deviceOption } from '../options/kinds.ts';

import { servingOptions } from '../serve/embedder.ts';
import { backendOptions } from '../tensor/backends.ts';
import type { OptionTable } from './command.ts';
import { flag } from './flag.ts';

/** How commands have an option for the floating-point type. */
export const precisionWords = {
  default: 'auto',
  synonyms: { bf16: 'bfloat16', fp16: 'float16', fp32: 'float32' },
} as const;

export const ofPrecision = { precision: flag(servingOptions.precision, precisionWords) } as const satisfies OptionTable;

/** Of a command that sends many images through an encoder. */
export const ofBatches = {
  batchSize: flag(servingOptions.maxBatch, { default: 64 }),
  ...ofPrecision,
} as const satisfies OptionTable;

/** Of a command that reads what `train` has written. */
export const ofRun = {
  run: { type: 'string', value: 'RUN', required: true, help: 'folder of a run, or one of its checkpoints' },
} as const satisfies OptionTable;

export const ofDevice = {
  device: flag(deviceOption),
  matmulPrecision: flag(backendOptions.matmulPrecision),
  cudnnDeterministic: flag(backendOptions.cudnnDeterministic),
} as const satisfies OptionTable;

export const ofThreads = {
  threads: flag(countOption, { help: 'CPU threads', usual: 'one a core' }),
} as const satisfies OptionTable;

/** Of a command that several processes run together. */
export const ofProcesses = {
  timeout: flag(processGroupOptions.timeout),
  backend: flag(processGroupOptions.backend),
} as const satisfies OptionTable;
