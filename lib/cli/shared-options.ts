/** Rows that several commands have in their tables of options. */
import { precisionOptions } from '../tensor/precision.ts';
import type { OptionTable } from './command.ts';

/** A whole number above 0. */
export const positive = { type: 'number', value: 'N', min: 1, integer: true } as const;

/** A floating-point type of the computation; each command adds what it is of. auto: what is faster on this machine. */
export const floatType = {
  type: 'string',
  value: 'NAME',
  choices: precisionOptions,
  synonyms: { bf16: 'bfloat16', fp32: 'float32' },
} as const;

/** Of a command that reads what `train` has written. */
export const ofRun = {
  run: { type: 'string', value: 'RUN', required: true, help: 'folder of a run, or one of its checkpoints' },
} as const satisfies OptionTable;

export const ofDevice = {
  device: {
    type: 'string',
    value: 'NAME',
    default: 'cpu',
    help: 'cpu, cuda, cuda:N, mps, or auto: cuda, else mps, else cpu',
  },
} as const satisfies OptionTable;

export const ofThreads = {
  threads: { ...positive, help: 'CPU threads; default one a core' },
} as const satisfies OptionTable;
