/** The files of one checkpoint's folder, written whole and read as they were written: SHA256SUMS lists them. */
import { webcrypto } from 'node:crypto';
import { basename, join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { writeFolderAtomic } from '../files/atomic.ts';
import { parseJson, readBytes } from '../files/read.ts';
import { decodeSafetensors, encodeSafetensors, type RawTensor } from '../files/safetensors.ts';
import { isObject } from '../files/strict-json.ts';
import type { JsonObject } from './run-config.ts';

/** `state.json`: where training was. Further fields are the trainer's. */
export interface CheckpointState extends JsonObject {
  /** Optimizer steps done. */
  step: number;
  /** Epoch that the next step belongs to. */
  epoch: number;
}

export interface CheckpointContent {
  /** Tensors named encoder.* and head.*, and constant.* of the encoder's program. Of averaged weights, the mean. */
  model: ReadonlyMap<string, RawTensor>;
  /** The encoder's program, as program-file.ts writes it. */
  encoder?: string;
  optimizer?: ReadonlyMap<string, RawTensor>;
  /** The weights that go on being trained, where the model holds their mean. */
  trained?: ReadonlyMap<string, RawTensor>;
  /** What the method adds: a predictor, a teacher, a queue. */
  method?: ReadonlyMap<string, RawTensor>;
  state: CheckpointState;
}

export interface Checkpoint extends CheckpointContent {
  /** Its folder. */
  folder: string;
}

const kModel = 'model.safetensors';
const kEncoder = 'encoder.json';
const kTrained = 'trained.safetensors';
const kOptimizer = 'optimizer.safetensors';
const kMethod = 'method.safetensors';
const kState = 'state.json';
/** As the program sha256sum writes and checks it. */
const kSums = 'SHA256SUMS';

/** On libuv's pool: a hundred megabytes must not hold up the event loop. */
async function sha256(data: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>)).toString('hex');
}

/** @throws {CheckpointError} a tensor that is not valid. Otherwise rejects with the file system's own error. */
export async function writeCheckpoint(folder: string, content: CheckpointContent): Promise<void> {
  const { model, encoder, trained, optimizer, method, state } = content;
  const files: Record<string, Uint8Array> = {
    [kModel]: encodeSafetensors(model),
    ...(encoder !== undefined && { [kEncoder]: new TextEncoder().encode(encoder) }),
    ...(trained && { [kTrained]: encodeSafetensors(trained) }),
    ...(optimizer && { [kOptimizer]: encodeSafetensors(optimizer) }),
    ...(method && { [kMethod]: encodeSafetensors(method) }),
    [kState]: new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`),
  };
  const sums: string[] = [];
  for (const [name, data] of Object.entries(files)) sums.push(`${await sha256(data)}  ${name}\n`);
  await writeFolderAtomic(folder, { ...files, [kSums]: sums.join('') });
}

async function readSums(folder: string): Promise<ReadonlyMap<string, string>> {
  const file = join(folder, kSums);
  const lines = new TextDecoder()
    .decode(await readBytes(file))
    .split('\n')
    .slice(0, -1);
  return new Map(
    lines.map((line) => {
      const [, sum, name] = /^([0-9a-f]{64}) {2}([\w.-]+)$/.exec(line) ?? [];
      if (sum === undefined || name === undefined)
        throw new CheckpointError(`${file}: expected lines of a SHA-256, two spaces and a file's name`);
      return [name, sum];
    }),
  );
}

/** The SHA-256 of the weights in a checkpoint's folder, in hexadecimal. @throws {CheckpointError} no such checkpoint. */
export async function weightsDigest(folder: string): Promise<string> {
  const digest = (await readSums(folder)).get(kModel);
  if (digest === undefined) throw new CheckpointError(`${join(folder, kSums)}: has no line of ${kModel}`);
  return digest;
}

/** @throws {CheckpointError} naming the file that is missing, or is not what was written. */
export async function readCheckpoint(folder: string, withOptimizer: boolean): Promise<Checkpoint> {
  const sums = await readSums(folder);
  const read = async (name: string): Promise<Uint8Array> => {
    const bytes = await readBytes(join(folder, name));
    if ((await sha256(bytes)) !== sums.get(name))
      throw new CheckpointError(`${join(folder, name)}: is damaged: its SHA-256 is not the one in ${kSums}`);
    return bytes;
  };
  const tensors = async (name: string) => decodeSafetensors(await read(name), join(folder, name)).tensors;
  const optional = async (name: string) => (withOptimizer && sums.has(name) ? tensors(name) : undefined);
  const state = parseJson(await read(kState), join(folder, kState));
  if (!isObject(state) || state.step !== Number(basename(folder)) || !Number.isSafeInteger(state.epoch))
    throw new CheckpointError(`${join(folder, kState)}: expected step ${basename(folder)} and an integer epoch`);
  const model = await tensors(kModel);
  if (model.size === 0) throw new CheckpointError(`${join(folder, kModel)}: holds no tensors`);
  const encoder = sums.has(kEncoder) ? new TextDecoder().decode(await read(kEncoder)) : undefined;
  const [trained, optimizer, method] = [await optional(kTrained), await optional(kOptimizer), await optional(kMethod)];
  return {
    folder,
    model,
    ...(encoder !== undefined && { encoder }),
    ...(trained && { trained }),
    ...(optimizer && { optimizer }),
    ...(method && { method }),
    state: state as CheckpointState,
  };
}
