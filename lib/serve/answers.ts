/** How routes answer what they cannot do, and whether anybody is left to hear it. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { describe } from '../validate.ts';
import { whenOver } from './response-over.ts';

/** HTTP statuses of the errors that a request can meet, by their stable code. What is not here is our fault: 500. */
const statuses: Readonly<Record<string, number>> = {
  ERR_DATA: 400, // not an image, damaged, or too large to decode
  ERR_SHAPE: 400,
  ERR_STATE: 503, // the embedder is closed: shutting down
  ERR_ABORTED: 503, // the client is gone, and nobody reads this
};

/**
 * Fires when the client goes away before it has its answer. Not `request.signal`: with Fastify 5.12 that fires as soon as
 * the body of a POST has been read (fastify/fastify#6725).
 */
export function clientGone({ raw, request }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  whenOver(request.raw, raw, () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** How routes of one kind answer errors; `accepts` tells which content-type they take. */
export function answerErrors(app: FastifyInstance, accepts: string): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? statuses[error.code] ?? 500;
    if (status === 500) request.log.error(error);
    if (status === 503) void reply.header('retry-after', '1');
    // What is unread of a body would be taken for the next request, or be waited for.
    if (!request.raw.complete) void reply.header('connection', 'close');
    return reply.code(status).send({ error: publicError(error, status, request.headers['content-type'], accepts) });
  });
}

function publicError({ code, message }: FastifyError, status: number, type: string | undefined, accepts: string) {
  if (status === 500) return { code: 'ERR_INTERNAL', message: 'internal error' };
  if (status === 415) return { code, message: `content-type must be ${accepts}, got ${describe(type)}` };
  return { code, message };
}
