/** What a launcher (torchrun, a PyTorchJob of Kubernetes, a script) says of this process's place among others. */
import { OptionError } from '../errors.ts';

/** A process's place, and where it finds the others. */
export interface Place {
  readonly rank: number;
  readonly worldSize: number;
  /** Where the ranks meet. */
  readonly host: string;
  readonly port: number;
  /** Whether this process is to listen there; the launcher may do so. */
  readonly serves: boolean;
  /** Which start of the same processes this is, where a launcher starts them again. */
  readonly attempt: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {OptionError} it is no integer from `min` to `max`. */
function integerIn(environment: Environment, name: string, min: number, max: number): number {
  const text = environment[name] ?? '';
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new OptionError(`the variable ${name} must be an integer from ${min} to ${max}, got '${text}'`);
}

/** Whether a launcher has made this one of several processes: WORLD_SIZE is there, and not 1. */
export const isOneOfSeveral = ({ WORLD_SIZE = '' }: Environment = process.env): boolean =>
  !['', '1'].includes(WORLD_SIZE);

/** Whether this is the process that speaks for all of them: rank 0, the only one, or one that was given no rank. */
export const speaksForAll = (environment: Environment = process.env): boolean =>
  !isOneOfSeveral(environment) || ['0', undefined].includes(environment.RANK);

/**
 * From RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them.
 * @throws {OptionError} one of them is missing or out of range.
 */
export function placeOf(environment: Environment = process.env): Place {
  const missing = ['RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'].filter((name) => !environment[name]);
  if (missing.length > 0)
    throw new OptionError(
      `several processes need the variables RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which torchrun sets; missing: ${missing.join(', ')}`,
    );
  const worldSize = integerIn(environment, 'WORLD_SIZE', 1, 65_536);
  const rank = integerIn(environment, 'RANK', 0, worldSize - 1);
  const attempt =
    environment.TORCHELASTIC_RESTART_COUNT === undefined
      ? 0
      : integerIn(environment, 'TORCHELASTIC_RESTART_COUNT', 0, 1e6);
  return {
    ...{ rank, worldSize, attempt },
    host: environment.MASTER_ADDR as string,
    port: integerIn(environment, 'MASTER_PORT', 1, 65_535),
    serves: rank === 0 && environment.TORCHELASTIC_USE_AGENT_STORE !== 'True',
  };
}
