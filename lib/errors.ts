/**
 * Every error that this package throws on purpose is a `ContrastiveError` with a stable `code`.
 * Messages name the argument, what was expected and what came.
 */
export type ErrorCode =
  | 'ERR_OPTION' // an unknown or out-of-range option or argument
  | 'ERR_SHAPE' // a tensor or image of the wrong shape
  | 'ERR_DTYPE' // a tensor or array of the wrong element type
  | 'ERR_DEVICE' // a device that is not there, or tensors on different devices
  | 'ERR_STATE' // a disposed handle, a closed object, a call out of order
  | 'ERR_AUTOGRAD' // a derivative that does not exist
  | 'ERR_DATA' // a data set, image or array that cannot be used
  | 'ERR_CHECKPOINT' // a checkpoint that is missing, corrupt or does not fit
  | 'ERR_NON_FINITE' // a loss, a gradient or a weight that became NaN or infinite
  | 'ERR_LIBTORCH' // libtorch cannot be found, loaded or used
  | 'ERR_ADDON' // the addon cannot be found, loaded or built
  | 'ERR_DISTRIBUTED' // a process of a group that is missing, gone or not like the others
  | 'ERR_ABORTED' // an AbortSignal fired
  | 'ERR_NATIVE'; // libtorch refused an operation

export class ContrastiveError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

export class OptionError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_OPTION', message, options);
  }
}

export class ShapeError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SHAPE', message, options);
  }
}

export class DTypeError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DTYPE', message, options);
  }
}

export class DeviceError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DEVICE', message, options);
  }
}

export class StateError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_STATE', message, options);
  }
}

export class DataError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DATA', message, options);
  }
}

export class CheckpointError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CHECKPOINT', message, options);
  }
}

export class LibtorchError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LIBTORCH', message, options);
  }
}

/** Several processes: one of them is missing, gone, or not like the others; the message names its rank. */
export class DistributedError extends ContrastiveError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DISTRIBUTED', message, options);
  }
}

/** Thrown when an AbortSignal fires; `name` is 'AbortError' as the platform's own. `cause` is the signal's reason. */
export class AbortError extends ContrastiveError {
  constructor(message = 'the operation was aborted', options?: ErrorOptions) {
    super('ERR_ABORTED', message, options);
    this.name = 'AbortError';
  }
}

/**
 * A loss that became NaN or infinite, or, under a finite one, a gradient, a running statistic or a weight after the update;
 * the message says which, and `step` is the optimizer step at which it happened. Nothing of that step was kept.
 */
export class NonFiniteLossError extends ContrastiveError {
  readonly step: number;

  constructor(message: string, step: number, options?: ErrorOptions) {
    super('ERR_NON_FINITE', message, options);
    this.step = step;
  }
}

const classes: Partial<Record<ErrorCode, new (message: string, options?: ErrorOptions) => ContrastiveError>> = {
  ERR_OPTION: OptionError,
  ERR_SHAPE: ShapeError,
  ERR_DTYPE: DTypeError,
  ERR_DEVICE: DeviceError,
  ERR_STATE: StateError,
  ERR_DATA: DataError,
  ERR_CHECKPOINT: CheckpointError,
  ERR_LIBTORCH: LibtorchError,
  ERR_DISTRIBUTED: DistributedError,
  ERR_ABORTED: AbortError,
};

/** The error class that belongs to `code`; native errors arrive as a code and a message. */
export function errorOf(code: ErrorCode, message: string, options?: ErrorOptions): ContrastiveError {
  const Class = classes[code];
  return Class ? new Class(message, options) : new ContrastiveError(code, message, options);
}

/** What a caught value says, whatever was thrown: an error of another realm (a vm context) too, and a DOMException. */
export function messageOf(error: unknown): string {
  const message = (error as Partial<Error> | null | undefined)?.message;
  return typeof message === 'string' ? message : String(error);
}
