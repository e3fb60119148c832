/** `contrastive export`: the encoder of a run as an ONNX file. */
import { basename, resolve } from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint-files.ts';
import { holdsClassifier } from '../checkpoint/classifier.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { headOf } from '../checkpoint/head.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import { type ExportedModel, exportOnnx, exportOptions } from '../export/export-onnx.ts';
import { throwIfAborted } from '../validate.ts';
import { defineCommand } from './command.ts';
import { flag } from './flag.ts';
import { formatBytes } from './format.ts';
import { makeFolderOf, writeOutput } from './output-file.ts';
import { ofRun } from './shared-options.ts';

export const command = defineCommand({
  name: 'export',
  summary: 'write the encoder of a run as an ONNX file, for other runtimes',
  places: ['run', 'out'],
  help: `
Writes the trained encoder (its projection head is dropped) as an ONNX model, operator set 17, with its weights inside:
  images      float32 (batch, channels, size, size), normalised as in the evaluation of the run
              with --input-type uint8: (batch, size, size, channels), bytes; the model normalises them
  embeddings  float32 (batch, dim), the same features as embed writes

The batch size is free. Batch normalisation is a part of the convolutions unless --no-fold-batch-norm. How an image becomes the input (colours, resize, crop, mean, std) is in the metadata of the file under "preprocessing", as JSON. The file appears when it is complete, or not at all.

FILE.json beside it says the same for programs that do not read metadata, as ONNX Runtime's in JavaScript: opset, input, output, preprocessing, step and, with a classifier, classes, the names of its outputs in their order.`,
  examples: [
    {
      run: 'contrastive export runs/supcon model.onnx --normalize',
      explains: 'The latest checkpoint; embeddings of length 1, whose dot products are cosine similarities.',
    },
    {
      run: 'contrastive export runs/supcon model.onnx --input-type uint8',
      explains: 'Takes the bytes of images that have the size of the input; mean and std are inside.',
    },
  ],
  options: {
    ...ofRun,
    out: { type: 'string', short: 'o', value: 'FILE', default: 'encoder.onnx', help: 'where to write' },
    inputType: flag(exportOptions.inputType),
    normalize: flag(exportOptions.normalize),
    head: {
      type: 'boolean',
      help: 'include the head: the projection that the loss saw, or the classifier (output "logits")',
    },
    noFoldBatchNorm: flag(exportOptions.foldBatchNorm),
  },
  async run({ options, signal, output }) {
    const { inputType, normalize, noFoldBatchNorm } = options;
    const out = resolve(options.out);
    const { run, checkpoint } = await openCheckpoint(options.run, { optimizer: false });
    throwIfAborted(signal);
    const { size, mean, std } = run.config.input;
    using encoder = encoderOf(run.config, checkpoint, 'cpu');
    using head = options.head ? loadHead(run.config.head, checkpoint) : undefined;
    await makeFolderOf(out);
    const { bytes, metadata, ...about } = await exportOnnx({ encoder, head: head ?? null }, out, {
      inputType,
      normalize,
      foldBatchNorm: !noFoldBatchNorm,
      input: { size, mean, std },
      metadata: {
        step: String(checkpoint.state.step),
        ...(head && run.config.classes && { classes: JSON.stringify(run.config.classes) }),
      },
    });
    const json = await describeBeside(out, { ...about, metadata });
    const { dtype, shape } = about.input;
    const { name, shape: outputShape } = about.output;
    const flow = `images ${dtype} (${shape.join(', ')}) → ${name} float32 (${outputShape.join(', ')})`;
    output.print(`${formatBytes(bytes)}: ${flow}\n${out}\n${json}`);
    if (holdsClassifier(run.config) && !options.head)
      output.print('The classifier of the run is not in it; --head includes it.');
    const { opset, input: takes, output: gives } = about;
    output.emit({ out, description: json, bytes, step: checkpoint.state.step, opset, input: takes, output: gives });
  },
});

/** Writes FILE.json, what is known of the model; returns its path. @throws {DataError} it cannot be written. */
async function describeBeside(
  out: string,
  { file: _, metadata, ...shapes }: Omit<ExportedModel, 'bytes'>,
): Promise<string> {
  const json = `${out.replace(/\.onnx$/, '')}.json`;
  const facts = Object.entries(metadata).map(([name, text]) => [name, JSON.parse(text)]);
  const content = { format: 1, model: basename(out), ...shapes, ...Object.fromEntries(facts) };
  await writeOutput(json, `${JSON.stringify(content, null, 1)}\n`);
  return json;
}

function loadHead(config: RunConfig['head'], checkpoint: Checkpoint): Encoder {
  if (config === null) throw new CheckpointError(`${checkpoint.folder}: the run has no head; leave out --head`);
  return headOf(config, checkpoint);
}
