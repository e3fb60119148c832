/** When the response to a request is over, however that comes about. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const waitingOn = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `then` once: when the response was sent, or its connection is gone. A response that is queued behind an earlier one of its
 * connection has no socket yet, and hears nothing when that connection dies.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, then: () => void): void {
  if (response.destroyed || socket.destroyed) {
    then();
    return;
  }
  const waiting = waitingFor(socket);
  const end = (): void => {
    if (waiting.delete(end)) then();
  };
  waiting.add(end);
  response.once('close', end);
}

/** One listener a connection, however many requests it has under way: Node warns of more than ten. */
function waitingFor(socket: Socket): Set<() => void> {
  const known = waitingOn.get(socket);
  if (known !== undefined) return known;
  const waiting = new Set<() => void>();
  waitingOn.set(socket, waiting);
  socket.once('close', () => {
    for (const end of waiting) end();
  });
  return waiting;
}
