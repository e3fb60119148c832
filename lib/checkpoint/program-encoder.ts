/** An encoder as its program: what a run keeps beside the weights, so that it opens without the code that made it. */
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import type { RawTensor } from '../files/safetensors.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import { withoutForwardHooks } from '../nn/forward-hooks.ts';
import { Module } from '../nn/module.ts';
import type { Compiled } from '../tensor/compile.ts';
import { noGrad, outsideTidy, tidy } from '../tensor/modes.ts';
import { zeros } from '../tensor/ops.ts';
import { type Program, programOf, type RecordedProgram } from '../tensor/program.ts';
import { rawState, tensorOf } from '../tensor/raw-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { decodeProgram, encodeProgram } from './program-file.ts';
import { compileProgram } from './program-limits.ts';
import type { RunConfig } from './run-config.ts';

/** Of an encoder's tensors in a checkpoint. */
const prefix = 'encoder.';

/** The text of a program, and the tensors that it needs beside the encoder's own. */
export interface EncoderProgram {
  readonly text: string;
  readonly constants: ReadonlyMap<string, RawTensor>;
}

/**
 * The program of an encoder in evaluation mode, without forward hooks; its own mode stays.
 * @throws {StateError | CheckpointError} a forward pass that is no program, or that a file may not hold.
 */
export async function encoderProgram(encoder: Module, input: RunConfig['input']): Promise<EncoderProgram> {
  const names = new Map([...encoder.stateDict()].map(([name, tensor]) => [tensor, `${prefix}${name}`]));
  const like = zeros([1, input.channels, input.size, input.size], { device: encoder.device });
  const record = (): RecordedProgram => programOf(([images]) => [encoder.forward(images as Tensor)], [like], names);
  let recorded: RecordedProgram;
  try {
    recorded = inEvaluation([encoder], () => withoutForwardHooks(record));
  } finally {
    like.dispose();
  }
  const { program, tensors } = recorded;
  const own = new Set(names.values());
  const constants = new Map([...tensors].filter(([name]) => !own.has(name)));
  const text = encodeProgram(program);
  const raw = await rawState(constants);
  for (const constant of constants.values()) constant.dispose();
  return { text, constants: raw };
}

// Apart from the fields, which a clone() would share.
const compiled = new WeakMap<ProgramEncoder, Compiled<readonly Tensor[], Tensor[]>>();

/** An encoder that runs a program from a file. All its tensors are buffers: an optimizer finds no parameters in it. */
export class ProgramEncoder extends Module implements Encoder {
  readonly featureDim: number;
  readonly program: Program;
  readonly file: string;

  /**
   * @param text of the file. @param model tensors of a checkpoint, by name.
   * @throws {CheckpointError} a program that cannot be run, costs too much, or does not give float32 (batch, dim).
   */
  constructor(text: string, model: ReadonlyMap<string, RawTensor>, input: RunConfig['input'], file: string) {
    super();
    this.file = file;
    this.program = decodeProgram(text, file);
    for (const { name } of this.program.captured) {
      const raw = model.get(name);
      if (raw === undefined) throw new CheckpointError(`${file}: the weights hold no tensor '${name}'`);
      this.registerBuffer(
        name,
        outsideTidy(() => tensorOf(raw)),
      );
    }
    const { shape, dtype } = noGrad(() => tidy(() => this.forward(zeros([1, input.channels, input.size, input.size]))));
    const [batch, dim] = shape;
    if (shape.length !== 2 || batch !== 1 || dtype !== 'float32')
      throw new CheckpointError(`${file}: must give float32 (batch, dim), got ${dtype} of shape [${shape}]`);
    this.featureDim = dim as number;
  }

  override get isPure(): boolean {
    return true;
  }

  /** @param x float32 (batch, channels, height, width), of the size that the run was trained with. @returns (batch, featureDim) */
  override forward(x: Tensor): Tensor {
    let run = compiled.get(this);
    if (run === undefined) {
      run = compileProgram(this.program, this.stateDict(), this.file);
      compiled.set(this, run);
    }
    return run(x)[0] as Tensor;
  }

  override dispose(): void {
    super.dispose();
    compiled.get(this)?.dispose();
  }
}
