/** Takes libtorch out of a PyTorch wheel, and NVIDIA's libraries and headers out of theirs; a wheel is a zip. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { LibtorchError } from '../errors.ts';

const wanted = /^(torch\/(lib|include|share\/cmake|licenses)\/.|nvidia\/(\w+\/)+lib\/[^/]+\.so[.\d]*$)/;
/** What native/cuda/ is compiled with, and what that includes. */
const header =
  /^nvidia\/(\w+\/)+include\/(nccl|cuda|cuda_runtime_api|cuda_device_runtime_api|crt\/host_defines|(builtin|device|driver|surface|texture|vector)_types)\.h$/;
/** The licences of libtorch and of what is linked into it go where its libraries go; so do NVIDIA's, by wheel. */
const placeOf = (name: string): string =>
  name
    .replace(/^torch-[^/]+\.dist-info\/licenses\/(?=.)/, 'torch/licenses/')
    .replace(/^(nvidia_[^/]+)\.dist-info\/licenses\/(?=.)/, 'torch/licenses/$1/');
/** Parts of `torch/lib` for Python or for PyTorch's own tests. */
const unwanted =
  /^torch\/lib\/((lib)?(torch_python|shm|jitbackend_test|torchbind_test|backend_with_compiler|aoti_custom_ops)\.|libshm)/;

export interface UnpackOptions {
  /** Members that are not unpacked either. */
  readonly leaveOut?: RegExp | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Unpacks `torch/lib`, `torch/include`, `torch/share/cmake` and the licences of `wheel` into `folder`, giving `folder/torch`; of
 * NVIDIA's wheels, the libraries and a few headers into `folder/nvidia`, where libtorch's and CMake look for them.
 * Refuses names that lead out of `folder`, links, and names that come twice. That the bytes are the right ones is for the
 * caller to know, by the sha256 of the whole file.
 * @returns the number of bytes written.
 */
export async function unpackLibtorch(wheel: string, folder: string, options: UnpackOptions = {}): Promise<number> {
  const base = resolve(folder) + sep;
  const made = new Set<string>();
  let bytes = 0;
  // yauzl itself refuses absolute names, '..' and, being strict, backslashes.
  const zip = await openPromise(wheel, { strictFileNames: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      options.signal?.throwIfAborted();
      const name = placeOf(entry.fileName);
      if (
        !(wanted.test(name) || header.test(name)) ||
        unwanted.test(name) ||
        options.leaveOut?.test(name) ||
        name.endsWith('/')
      )
        continue;
      const path = resolve(base, name);
      if (!path.startsWith(base)) throw new LibtorchError(`${wheel}: the member '${name}' leads out of its folder`);
      const fileType = (entry.externalFileAttributes >>> 16) & 0o170000; // of the Unix mode; 0 when there is none
      if (fileType !== 0 && fileType !== 0o100000)
        throw new LibtorchError(`${wheel}: the member '${name}' is not a plain file`);
      const parent = dirname(path);
      if (!made.has(parent)) {
        await mkdir(parent, { recursive: true });
        made.add(parent);
      }
      const source = await zip.openReadStreamPromise(entry);
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        options.onProgress?.(bytes);
      });
      await pipeline(source, createWriteStream(path, { flags: 'wx' }), {
        ...(options.signal && { signal: options.signal }),
      });
    }
  } finally {
    zip.close();
  }
  return bytes;
}
