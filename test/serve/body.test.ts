import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BodyBuffers } from '../../lib/serve/body.ts';

/** A request whose body is written by the test, and the end of its response. */
function requestOf(bodies: BodyBuffers, maxBytes: number, headers: Record<string, string> = {}) {
  const payload = new PassThrough();
  const request = { headers, socket: new EventEmitter() } as unknown as IncomingMessage;
  const response = new EventEmitter();
  bodies.watch(request, response as ServerResponse);
  const body = bodies.read(request, payload, maxBytes);
  body.catch(() => {}); // looked at later
  return { payload, body, answer: () => void response.emit('close') };
}

const limits = { maxBufferedBytes: 300_000, bodyTimeoutMs: 60_000 };
const refusal = (statusCode: number, code: string) => ({ statusCode, code });

describe('BodyBuffers', () => {
  it('gives the bytes as they came, whatever their pieces', async () => {
    const bodies = new BodyBuffers(limits);
    const expected = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));
    const { payload, body } = requestOf(bodies, 100_000);
    for (let at = 0, size = 1; at < expected.length; at += size, size = (size * 3) % 9973)
      payload.write(expected.subarray(at, at + size));
    payload.end();
    expect((await body).equals(expected)).toBe(true);
  });

  it('holds what has arrived, however little, until the answer, and nothing for what was refused', async () => {
    const bodies = new BodyBuffers(limits);
    const first = requestOf(bodies, 250_000);
    first.payload.end(Buffer.alloc(200_000));
    expect((await first.body).length).toBe(200_000);
    expect(bodies.held).toBe(200_000);
    const second = requestOf(bodies, 250_000);
    second.payload.end(Buffer.alloc(150_000));
    await expect(second.body).rejects.toMatchObject(refusal(503, 'ERR_BUSY'));
    second.answer();
    expect(bodies.held).toBe(200_000);
    first.answer();
    expect(bodies.held).toBe(0);
    const third = requestOf(bodies, 250_000);
    third.payload.end('a');
    expect((await third.body).toString()).toBe('a');
    third.answer();
    expect(bodies.held).toBe(0);
  });

  it('refuses a body above its size: as announced, before a byte of it, or as it comes', async () => {
    const bodies = new BodyBuffers(limits);
    const announced = requestOf(bodies, 1000, { 'content-length': '1001' });
    await expect(announced.body).rejects.toMatchObject(refusal(413, 'ERR_DATA'));
    const surprising = requestOf(bodies, 1000);
    surprising.payload.write(Buffer.alloc(600));
    surprising.payload.write(Buffer.alloc(600));
    await expect(surprising.body).rejects.toMatchObject(refusal(413, 'ERR_DATA'));
  });

  it('refuses a body that takes too long, and one that breaks off', async () => {
    const bodies = new BodyBuffers({ ...limits, bodyTimeoutMs: 1 });
    await expect(requestOf(bodies, 1000).body).rejects.toMatchObject(refusal(408, 'ERR_TIMEOUT'));
    const broken = requestOf(new BodyBuffers(limits), 1000);
    broken.payload.write('a');
    broken.payload.destroy(new Error('aborted'));
    await expect(broken.body).rejects.toMatchObject(refusal(400, 'ERR_DATA'));
  });
});
