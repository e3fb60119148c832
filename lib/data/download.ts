/** Downloads that are checked before they take their place. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AbortError, DataError, messageOf } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';
import { statOrUndefined } from './files.ts';

export interface VerifiedDownload {
  /** Addresses of the same .gz file, tried in turn. */
  urls: readonly string[];
  /** Where it goes; folders on the way are made. */
  path: string;
  /** Length of the content, inflated. */
  bytes: number;
  /** SHA-256 of the content, inflated, hexadecimal. */
  sha256: string;
  signal?: AbortSignal;
}

/** Undefined when the .gz file at `path` inflates to the expected content, else what is wrong. Bounded by `bytes`. */
async function mismatch(path: string, { bytes, sha256 }: VerifiedDownload): Promise<string | undefined> {
  const hash = createHash('sha256');
  let length = 0;
  const file = createReadStream(path);
  const content = createGunzip();
  file.on('error', (error) => content.destroy(error));
  try {
    for await (const chunk of file.pipe(content) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > bytes) return `expected ${bytes} bytes of content, got more`;
      hash.update(chunk);
    }
  } catch (error) {
    return messageOf(error);
  } finally {
    file.destroy();
  }
  if (length !== bytes) return `expected ${bytes} bytes of content, got ${length}`;
  const digest = hash.digest('hex');
  return digest === sha256 ? undefined : `expected SHA-256 ${sha256} of the content, got ${digest}`;
}

async function fetchTo(url: string, path: string, limit: number, signal: AbortSignal | undefined): Promise<void> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status} ${response.statusText}`);
  const file = await open(path, 'wx');
  try {
    let received = 0;
    for await (const chunk of Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])) {
      received += chunk.length;
      if (received > limit) throw new Error(`expected at most ${limit} bytes, got more`);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Downloads a .gz file unless the right one is there: to a new name beside `path`, checked, then renamed.
 *
 * @throws {DataError} every address failed; the message says how each did.
 * @throws {AbortError} the signal fired.
 */
export async function downloadVerified(download: VerifiedDownload): Promise<void> {
  const { urls, path, bytes, signal } = download;
  throwIfAborted(signal);
  if ((await statOrUndefined(path))?.isFile() && (await mismatch(path, download)) === undefined) return;
  await mkdir(dirname(path), { recursive: true });
  const failures: string[] = [];
  for (const url of urls) {
    const partial = `${path}.${randomUUID()}.partial`;
    try {
      await fetchTo(url, partial, bytes + 65_536, signal);
      const wrong = await mismatch(partial, download);
      if (wrong === undefined) {
        await rename(partial, path);
        return;
      }
      failures.push(`${url}: ${wrong}`);
    } catch (error) {
      if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
      failures.push(`${url}: ${messageOf(error)}`);
    } finally {
      await rm(partial, { force: true });
    }
  }
  throw new DataError(`${path}: cannot be downloaded:\n  ${failures.join('\n  ')}`);
}
