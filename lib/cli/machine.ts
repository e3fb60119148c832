/** What many commands are told about the machine: threads, and how the libraries of a GPU compute. */
import { setAugmentThreads } from '../augment/augment.ts';
import { type BackendOptions, setBackends } from '../tensor/backends.ts';
import { setThreads } from '../tensor/runtime.ts';

/** Options of ofDevice and ofThreads (shared-options.ts), as they were typed. */
export interface MachineOptions extends Pick<BackendOptions, 'matmulPrecision' | 'cudnnDeterministic'> {
  readonly threads?: number | undefined;
}

/** Sets what was typed, for this process, before anything is computed. */
export function setMachine({ threads, matmulPrecision, cudnnDeterministic }: MachineOptions): void {
  if (threads !== undefined) {
    setThreads(threads);
    setAugmentThreads(threads);
  }
  if (matmulPrecision !== undefined) setBackends({ matmulPrecision });
  if (cudnnDeterministic) setBackends({ cudnnDeterministic });
}
