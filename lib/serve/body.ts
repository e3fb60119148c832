/** The bodies of requests: a bound on the size of each, on the time it may take, and on all that a service holds at once. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { whenOver } from './response-over.ts';

export interface BodyLimits {
  /** Bytes of all bodies together, from the first of them to the answer. */
  readonly maxBufferedBytes: number;
  /** From the headers of a request to the last byte of its body, in ms. */
  readonly bodyTimeoutMs: number;
}

/** An answer that is no success, for Fastify's error handler. */
export const refusal = (statusCode: number, code: string, message: string): Error =>
  Object.assign(new Error(message), { statusCode, code });

const kFirstBytes = 65_536;

export class BodyBuffers {
  readonly #limits: BodyLimits;
  readonly #heldBy = new WeakMap<IncomingMessage, number>();
  #held = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** Whatever this request comes to hold is counted until its response is over, or its connection gone. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    this.#heldBy.set(request, 0);
    whenOver(request, response, () => {
      this.#held -= this.#heldBy.get(request) ?? 0;
      this.#heldBy.delete(request);
    });
  }

  /**
   * The body of a request that is watched. Where it is refused the rest of it stays unread.
   *
   * @throws 413 above `maxBytes`; 408 too slow; 503 no room for its bytes; 400 the client went away.
   */
  read(request: IncomingMessage, payload: Readable, maxBytes: number): Promise<Buffer> {
    const { bodyTimeoutMs } = this.#limits;
    return new Promise((resolve, reject) => {
      let buffer = Buffer.alloc(0);
      let length = 0;
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        payload.off('data', take).pause();
        how(); // what comes after the first has no effect
      };
      const fail = (status: number, code: string, message: string): void =>
        settle(() => reject(refusal(status, code, message)));
      const refuseSize = (): void => fail(413, 'ERR_DATA', `the request body may have ${maxBytes} bytes`);
      const leave = (): void => fail(400, 'ERR_DATA', 'the request ended before its body did');
      const take = (chunk: Buffer): void => {
        const needed = length + chunk.length;
        if (needed > maxBytes) refuseSize();
        else if (needed > buffer.length && !grow(needed))
          fail(503, 'ERR_BUSY', 'too many bytes of requests are waiting; try again');
        else {
          chunk.copy(buffer, length); // kept as they come, chunks of a byte each would cost far more than their bytes
          length = needed;
        }
      };
      const grow = (needed: number): boolean => {
        const wanted = Math.min(maxBytes, Math.max(kFirstBytes, needed, 2 * buffer.length));
        if (!this.#hold(request, wanted - buffer.length)) return false;
        const larger = Buffer.allocUnsafe(wanted);
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
        return true;
      };
      const timer = setTimeout(
        () => fail(408, 'ERR_TIMEOUT', `the request body must arrive within ${bodyTimeoutMs} ms`),
        bodyTimeoutMs,
      );
      const succeed = (): void => settle(() => resolve(buffer.subarray(0, length)));
      payload.on('data', take).on('end', succeed).on('error', leave).on('close', leave);
      if (Number(request.headers['content-length']) > maxBytes) refuseSize();
    });
  }

  #hold(request: IncomingMessage, bytes: number): boolean {
    if (this.#held + bytes > this.#limits.maxBufferedBytes) return false;
    const before = this.#heldBy.get(request);
    if (before === undefined) return false; // its response is over
    this.#heldBy.set(request, before + bytes);
    this.#held += bytes;
    return true;
  }
}
