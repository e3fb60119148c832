/** The one operation of which the contrastive losses are presets. */
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import { tidy } from '../tensor/modes.ts';
import type { NestedArray } from '../tensor/nested.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { type LabelSets, type Labels, labelOrSetTensor, labelTensor } from './labels.ts';
import { type batchOptions, expectNoSecondView, expectTensor, type labelledBank, type lossOptions } from './options.ts';

/** What the operation is always given for a loss, and its users do not choose. */
export interface Preset {
  readonly minViews?: number;
  readonly denominators?: string;
}

type Resolved = ResolvedOf<Omit<typeof lossOptions, 'temperature'> & Omit<typeof batchOptions, 'bank'>> & {
  readonly bank?: ResolvedOf<{ bank: typeof labelledBank }>['bank'];
  readonly labels?: Labels | LabelSets;
  readonly mask?: Tensor | NestedArray;
  readonly hardNegatives?: { readonly concentration: number; readonly classPrior: number };
};

export interface LossValue {
  /** scalar (), differentiable in features and temperature. */
  readonly loss: Tensor;
  /** int64 (): how many anchors have a positive and, with denominators 'negatives', a negative. */
  readonly validAnchors: Tensor;
}

/**
 * @param where the public function, for messages.
 * @param declared its options; those that the operation takes are given to it under their names.
 * @throws {OptionError} an unknown option, or a value out of range; {DTypeError} features that are no tensor.
 */
export function contrastiveLoss(
  where: string,
  features: Tensor,
  declared: OptionTable,
  given: object,
  preset: Preset = {},
): LossValue {
  expectNoSecondView(where, given);
  const { temperature, hardNegatives, bank, labels, mask, ids, ...others } = resolveOptions(
    where,
    declared,
    given,
  ) as Resolved;
  const { device } = expectTensor('features', features);
  return tidy(() => {
    const [loss, validAnchors] = internal.contrastiveLoss(features, {
      ...preset,
      ...others,
      ...hardNegatives,
      ...(temperature instanceof Tensor ? { learnedTemperature: temperature } : { temperature }),
      labels: ifGiven(labels, (value) => labelOrSetTensor(value, device)),
      mask: ifGiven(mask, (value) => maskTensor(value, features)),
      ids: ifGiven(ids, (value) => labelTensor(value, device, 'ids')),
      bank: bank?.features,
      bankLabels: ifGiven(bank?.labels, (value) => labelOrSetTensor(value, device, 'bank.labels')),
      bankIds: ifGiven(bank?.ids, (value) => labelTensor(value, device, 'bank.ids')),
    });
    return { loss, validAnchors };
  });
}

const ifGiven = <V, R>(value: V | undefined, make: (value: V) => R): R | undefined =>
  value === undefined ? undefined : make(value);

function maskTensor(mask: Tensor | NestedArray, { dtype, device }: Tensor): Tensor {
  if (mask instanceof Tensor) return mask;
  return tensor(mask, { dtype: dtype === 'float64' ? 'float64' : 'float32', device });
}
