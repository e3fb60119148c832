/** Runs ONNX files with ONNX Runtime: an implementation of the operators that shares nothing with libtorch. */
import { readFile } from 'node:fs/promises';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';

env.wasm.numThreads = 1;

export interface Output {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** What becomes of 'images'; opens the file, or its bytes, anew. */
export async function runOnnx(
  file: string | Uint8Array,
  data: Float32Array | Uint8Array,
  shape: readonly number[],
): Promise<Output> {
  const session = await InferenceSession.create(
    typeof file === 'string' ? new Uint8Array(await readFile(file)) : file,
    {
      executionProviders: ['wasm'],
    },
  );
  try {
    const images = data instanceof Float32Array ? new Tensor('float32', data, shape) : new Tensor('uint8', data, shape);
    const [[name, output] = [], ...others] = Object.entries(await session.run({ images }));
    if (name === undefined || output === undefined || others.length > 0)
      throw new Error(`expected one output, got ${session.outputNames}`);
    return { name, dims: output.dims, values: (await output.getData()) as Float32Array };
  } finally {
    await session.release();
  }
}
