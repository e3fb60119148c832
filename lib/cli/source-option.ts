/** Which encoder a command computes features with: that of a run, or a network with weights from a file. */
import { openRun } from '../checkpoint/run.ts';
import { stemOption } from '../encoders/network-options.ts';
import { OptionError } from '../errors.ts';
import { describeLoaded } from '../nn/weights-file.ts';
import type { EmbedderInfo } from '../serve/embedder.ts';
import { type EncoderSource, weightsInputOptions } from '../serve/encoder-source.ts';
import type { OptionTable, OptionValues } from './command.ts';
import { flag } from './flag.ts';
import type { Output } from './output.ts';
import { ofRun } from './shared-options.ts';

const { required: _, ...run } = ofRun.run;

export const ofSource = {
  run,
  encoder: { type: 'string', value: 'NAME', help: 'in place of --run, with --weights: the network, resnet50' },
  weights: {
    type: 'string',
    value: 'FILE',
    help: "its weights, safetensors or .pth: torchvision's, timm's, or a checkpoint of MoCo, SupContrast, lightly, solo-learn …",
  },
  stem: flag(stemOption, { help: 'with --weights: the first layers, as in train', usual: 'imagenet' }),
  size: flag(weightsInputOptions.size, { help: 'with --weights: side of the square input', usual: '224' }),
} as const satisfies OptionTable;

/** What `--help` says of them. */
export const sourceHelp = `With --encoder and --weights in place of --run, images are scaled to --size and normalised as ImageNet's.`;

/**
 * Looks whether the run is there, so that a mistaken one is told before images are looked for.
 * @throws {OptionError} neither, or parts of both. @throws {CheckpointError} no run there.
 */
export async function sourceOf({
  run,
  encoder,
  weights,
  stem,
  size,
}: OptionValues<typeof ofSource>): Promise<EncoderSource> {
  const ofWeights = [encoder, weights, stem, size].some((value) => value !== undefined);
  if (run !== undefined && !ofWeights) {
    await openRun(run);
    return { checkpoint: run };
  }
  if (run !== undefined || encoder === undefined || weights === undefined)
    throw new OptionError('RUN is missing, the folder of a run; or --encoder NAME and --weights FILE in its place');
  return {
    encoder: { name: encoder, ...(stem && { stem }) },
    weights,
    ...(size !== undefined && { input: { size } }),
  };
}

/** Says what was loaded of a file of weights. */
export function printLoaded({ weights }: EmbedderInfo, output: Output): void {
  if (weights !== undefined) output.print(`${weights.file}: ${describeLoaded(weights)}`);
}
