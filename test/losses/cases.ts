/** Drawn cases with every option and every combination of options, and how to run one. */
import fc from 'fast-check';
import { dclLoss, dclwLoss } from '../../lib/losses/dcl.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLossWithStats } from '../../lib/losses/sup-con.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import type { Case } from './oracle.ts';

export type LossName = 'supcon' | 'nt-xent' | 'dcl' | 'dclw';

/** What the draws choose between; the table that the test of all pairs reads. */
export const choices = {
  positives: ['labels', 'label sets', 'mask', 'views'],
  bank: ['none', 'plain', 'ids', 'labels', 'labels and ids'],
  variant: ['out', 'in'],
  denominators: ['all', 'negatives-and-one-positive', 'negatives'],
  anchors: ['all', 'first', 'queries'],
  noPositives: ['ignore', 'zero'],
  maxPositives: [undefined, 1, 2],
  hardNegatives: [
    undefined,
    { concentration: 1, classPrior: 0 },
    { concentration: 0, classPrior: 0.1 },
    { concentration: 0.5, classPrior: 0.3 },
  ],
  normalize: [true, false],
  temperature: [0.005, 0.07, 0.5, 10],
} as const;

export type Drawn = { readonly [Option in keyof typeof choices]: (typeof choices)[Option][number] };

/** A bank tells its positives by labels where the batch has labels, and by ids anywhere. */
const fits = ({ positives, bank }: Drawn): boolean => {
  if (bank === 'none' || bank === 'ids') return true;
  if (bank === 'plain') return positives === 'views';
  return positives === 'labels' || positives === 'label sets';
};

export const drawnOptions: fc.Arbitrary<Drawn> = fc
  .record(
    Object.fromEntries(
      Object.entries(choices).map(([name, values]) => [name, fc.constantFrom(...(values as readonly unknown[]))]),
    ),
  )
  .map((drawn) => drawn as unknown as Drawn)
  .filter(fits);

const arrayOf = <T>(value: fc.Arbitrary<T>, length: number) =>
  fc.array(value, { minLength: length, maxLength: length });
const coordinate = fc.integer({ min: -20, max: 20 }).map((n) => n / 7);
const label = fc.integer({ min: 0, max: 2 });
/** Of a feature in the bank; −1: of no class. */
const bankLabel = fc.integer({ min: -1, max: 2 });
const bit = fc.constantFrom(0, 1);
const weight = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0.01, max: 3, noNaN: true }));

function caseOf(drawn: Drawn): fc.Arbitrary<Case & { block: number }> {
  const { positives, bank, temperature, variant, denominators, anchors, noPositives, maxPositives } = drawn;
  const sizes = fc.record({
    batch: fc.integer({ min: 1, max: 6 }),
    views: anchors === 'queries' ? fc.constant(2) : fc.integer({ min: 1, max: 3 }),
    dim: fc.integer({ min: 1, max: 5 }),
    rows: fc.integer({ min: 1, max: 6 }),
  });
  const absent = fc.constant(undefined);
  const has = (kind: string): boolean => bank.includes(kind);
  return sizes.chain(({ batch, views, dim, rows }) =>
    fc
      .record({
        features: arrayOf(arrayOf(arrayOf(coordinate, dim), views), batch),
        labels: positives === 'labels' ? arrayOf(label, batch) : absent,
        labelSets: positives === 'label sets' ? arrayOf(arrayOf(bit, 3), batch) : absent,
        mask: positives === 'mask' ? arrayOf(arrayOf(weight, batch), batch) : absent,
        ids: has('ids') ? arrayOf(fc.integer({ min: 3, max: 8 }), batch) : absent,
        bankFeatures: arrayOf(arrayOf(coordinate, dim), rows),
        bankLabels: has('labels') && positives === 'labels' ? arrayOf(bankLabel, rows) : absent,
        bankSets: has('labels') && positives === 'label sets' ? arrayOf(arrayOf(bit, 3), rows) : absent,
        bankIds: has('ids') ? arrayOf(fc.integer({ min: 3, max: 8 }), rows) : absent,
        seed: fc.integer({ min: 0, max: 1000 }),
        lossScale: fc.constantFrom(1, 0.25),
        block: fc.integer({ min: 1, max: 20 }),
      })
      .map(({ bankFeatures, bankLabels, bankSets, bankIds, ...rest }) => ({
        ...rest,
        bank:
          bank === 'none'
            ? undefined
            : { features: bankFeatures, labels: bankLabels, labelSets: bankSets, ids: bankIds },
        ...{ temperature, variant, denominators, anchors, noPositives, maxPositives },
        hardNegatives: drawn.hardNegatives,
        normalize: drawn.normalize,
      })),
  );
}

export const supConCases = drawnOptions.chain(caseOf);

/** Cases of the losses without labels, as the oracle sees them. */
export const selfSupervisedCases: fc.Arbitrary<{ name: LossName; c: Case & { block: number } }> = fc
  .record({ name: fc.constantFrom('nt-xent' as const, 'dcl' as const, 'dclw' as const), drawn: drawnOptions })
  .chain(({ name, drawn }) =>
    caseOf({
      ...drawn,
      positives: 'views',
      bank: drawn.bank === 'labels' ? 'plain' : drawn.bank === 'labels and ids' ? 'ids' : drawn.bank,
      variant: 'out',
      denominators: name === 'nt-xent' ? 'all' : 'negatives',
      anchors: drawn.anchors === 'queries' ? 'queries' : 'all',
      noPositives: 'ignore',
      maxPositives: undefined,
      hardNegatives: name === 'nt-xent' ? drawn.hardNegatives : undefined,
    })
      .filter(({ features }) => (features[0]?.length ?? 0) > 1)
      .map((c) => ({ name, c: { ...c, sigma: name === 'dclw' ? 0.5 : undefined } })),
  );

const double = (data: unknown, requiresGrad = false): Tensor =>
  tensor(data as number[][], { dtype: 'float64', requiresGrad });
const present = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

/** Runs a case in float64; `temperature` in the place of the case's. */
export function run(name: LossName, c: Case & { block?: number }, temperature: number | Tensor = c.temperature) {
  const features = double(c.features, true);
  const { ids, lossScale, normalize, block, bank, anchors } = c;
  const held = bank && {
    features: double(bank.features),
    labels: bank.labels ?? (bank.labelSets as number[][]),
    ids: bank.ids,
  };
  const common = { temperature, ids, anchors, lossScale, normalize, block, bank: held && present(held) };
  if (name === 'supcon') {
    const { labels, labelSets, mask, seed, maxPositives, hardNegatives } = c;
    const { variant, denominators, noPositives } = c;
    const choice = { labels: labels ?? labelSets, mask: mask as number[][] | undefined };
    const others = { variant, denominators, noPositives, maxPositives, seed, hardNegatives };
    return { features, ...supConLossWithStats(features, present({ ...common, ...choice, ...others }) as object) };
  }
  const options = present({ ...common, sigma: c.sigma, hardNegatives: c.hardNegatives }) as object;
  const loss = { 'nt-xent': ntXentLoss, dcl: dclLoss, dclw: dclwLoss }[name](features, options);
  return { features, loss, validAnchors: undefined };
}

/** `features` with `step` added to the value at a flat index. */
export function shifted(features: Case['features'], index: number, step: number): number[][][] {
  let position = 0;
  return features.map((views) => views.map((row) => row.map((x) => (position++ === index ? x + step : x))));
}
