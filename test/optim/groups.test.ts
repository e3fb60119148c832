/** Which learning rate and weight decay a parameter gets. */
import { describe, expect, it } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18, resnet50 } from '../../lib/encoders/resnet.ts';
import { AdamW } from '../../lib/optim/adam.ts';
import { groupParameters } from '../../lib/optim/groups.ts';
import { LARS } from '../../lib/optim/lars.ts';
import { layersOf } from '../../lib/optim/layers.ts';
import { SGD, type SGDOptions } from '../../lib/optim/sgd.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const usual = { groups: [], layerDecay: 1, weightDecay: 0.1, excludeBiasAndNorm: false };
const leaf = (shape: readonly number[]) =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape, requiresGrad: true });
const parameters = new Map([
  ['encoder.conv.weight', leaf([2, 2])],
  ['encoder.bn.weight', leaf([2])],
  ['encoder.blocks.0.weight', leaf([2, 2])],
  ['encoder.blocks.0.bias', leaf([2])],
  ['head.weight', leaf([2, 2])],
]);

/** By name, the factor of its rate and its decay. */
function grouped(options: Partial<Parameters<typeof groupParameters>[1]>): Record<string, [number, unknown]> {
  const { of, groups } = groupParameters(parameters, { ...usual, ...options });
  const names = [...parameters.keys()];
  return Object.fromEntries(
    names.map((name, i) => {
      const { rateFactor, weightDecay } = groups[of[i] as number] as (typeof groups)[number];
      return [name, [rateFactor, weightDecay]];
    }),
  );
}

describe('groups', () => {
  it('is one where nothing was asked for', () => {
    expect(groupParameters(parameters, usual)).toEqual({
      of: [0, 0, 0, 0, 0],
      groups: [{ rateFactor: 1, weightDecay: 0.1, isExcluded: false }],
    });
  });

  it('take weight decay from what has one dimension, but where a rule has one', () => {
    expect(
      grouped({ excludeBiasAndNorm: true, groups: [{ match: 'encoder.b*', lrFactor: 1, weightDecay: 0.2 }] }),
    ).toEqual({
      'encoder.conv.weight': [1, 0.1],
      'encoder.bn.weight': [1, 0.2],
      'encoder.blocks.0.weight': [1, 0.2],
      'encoder.blocks.0.bias': [1, 0.2],
      'head.weight': [1, 0.1],
    });
    expect(grouped({ excludeBiasAndNorm: true })).toMatchObject({ 'encoder.bn.weight': [1, 0] });
  });

  it.each([SGD, LARS, AdamW])("give a bias that is excluded a rule's decay, and no adaptation: %o", (Kind) => {
    const p = leaf([2]);
    using optimizer = new Kind(new Map([['a.bias', p]]), {
      ...{ lr: 1, excludeBiasAndNorm: true },
      groups: [{ match: '*.bias', weightDecay: 0.5 }],
    });
    p.mul(0).sum().backward();
    optimizer.step();
    expect(Array.from(p.dataSync(), Number)).toEqual([0.5, 0.5]);
  });

  it('go by patterns in order, on top of the layers', () => {
    const rules = [
      { match: '*.weight', lrFactor: 2, weightDecay: 0.3 },
      { match: 'encoder.b*.weight', lrFactor: 3, weightDecay: undefined },
      { match: 'head.weight', lrFactor: 0, weightDecay: 0 },
    ];
    expect(grouped({ layerDecay: 0.5, groups: rules })).toEqual({
      'encoder.conv.weight': [0.5, 0.3],
      'encoder.bn.weight': [1.5, 0.3],
      'encoder.blocks.0.weight': [3, 0.3],
      'encoder.blocks.0.bias': [0.5, 0.1],
      'head.weight': [0, 0],
    });
  });

  it('decide the update', () => {
    const w = new Map([
      ['stem.weight', leaf([1, 1])],
      ['head.weight', leaf([1, 1])],
    ]);
    using optimizer = new SGD(w, { lr: 0.5, layerDecay: 0.5 });
    for (const value of w.values()) value.sum().backward();
    optimizer.step();
    expect([...w.values()].map((value) => value.itemSync())).toEqual([0.75, 0.5]);
  });

  it.each<[SGDOptions, RegExp]>([
    [{ lr: 1, groups: [{ match: 'haed.*' }] }, /groups\[0\].match fits no parameter, got 'haed.\*'; the first is 'enc/],
    [{ lr: 1, groups: [{ match: '' }] }, /groups\[0\].match must be a non-empty string/],
    [{ lr: 1, groups: [{ match: '*', lrFactor: -1 }] }, /groups\[0\].lrFactor must be a finite number >= 0/],
    [
      { lr: 1, groups: [{ match: '*', lr: 1 } as never] },
      /groups\[0\]: unknown option 'lr'; known: match, lrFactor, weightDecay/,
    ],
    [{ lr: 1, groups: {} as never }, /groups must be an array of { match, … }, got an object/],
    [{ lr: 1, layerDecay: 0 }, /layerDecay must be a finite number > 0/],
    [{ lr: 1, layerDecay: 1.1 }, /layerDecay must be a finite number > 0 and <= 1/],
  ])('refuses %o', (options, message) => {
    const thrown = expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
    expect(() => new SGD(parameters, options)).toThrow(thrown);
  });

  it('names what is there twice', () => {
    const [p, other] = [leaf([1]), leaf([1])];
    const thrown = (message: string) => expect.objectContaining({ code: 'ERR_OPTION', message });
    expect(() => new SGD([p, other, p], { lr: 1 })).toThrow(
      thrown("parameters must hold each tensor once; '0' and '2' are the same"),
    );
    const tied = { 'encoder.weight': p, 'head.weight': p };
    expect(() => new SGD(new Map(Object.entries(tied)), { lr: 1 })).toThrow(
      thrown("parameters must hold each tensor once; 'encoder.weight' and 'head.weight' are the same"),
    );
  });

  it('needs names', () => {
    const thrown = expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/go by names/) });
    expect(() => new SGD(parameters.values(), { lr: 1, layerDecay: 0.5 })).toThrow(thrown);
    expect(() => new SGD(parameters.values(), { lr: 1, groups: [{ match: '0' }] })).toThrow(thrown);
  });
});

describe('layersOf', () => {
  /** The layer of each name, and the largest. */
  const layers = (names: readonly string[]) => Object.fromEntries(layersOf(names).map((layer, i) => [names[i], layer]));
  const named = (module: { namedParameters(): ReadonlyMap<string, Tensor> }, prefix: string) =>
    [...module.namedParameters().keys()].map((name) => `${prefix}${name}`);

  it('counts the blocks of residual networks; a head is above all of them', () => {
    using encoder = resnet18({ width: 4 });
    using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 4 });
    const all = layers([...named(encoder, 'encoder.'), ...named(head, 'head.')]);
    expect(all).toMatchObject({
      'encoder.conv1.weight': 0,
      'encoder.bn1.bias': 0,
      'encoder.layer1.0.conv1.weight': 1,
      'encoder.layer1.1.bn2.weight': 2,
      'encoder.layer2.0.downsample.0.weight': 3,
      'encoder.layer4.1.conv2.weight': 8,
    });
    expect(named(head, 'head.').map((name) => all[name])).toEqual(named(head, 'head.').map(() => 9));
    using deeper = resnet50({ width: 4 });
    expect(Math.max(...layersOf(named(deeper, '')))).toBe(16);
  });

  it("counts the blocks of torchvision's vision transformers and ConvNeXts", () => {
    const block = (i: number) =>
      [
        'ln_1.weight',
        'self_attention.in_proj_weight',
        'self_attention.out_proj.weight',
        'mlp.0.weight',
        'mlp.3.bias',
      ].map((name) => `encoder.layers.encoder_layer_${i}.${name}`);
    const vit = [
      'class_token',
      'conv_proj.weight',
      'encoder.pos_embedding',
      ...block(0),
      ...block(1),
      'encoder.ln.weight',
    ];
    expect(layersOf([...vit, 'heads.head.weight'])).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]);
    const next = [
      ...['features.0.0.weight', 'features.0.1.weight'], // the stem: a convolution and its normalisation
      ...['features.1.0.layer_scale', 'features.1.0.block.0.weight', 'features.1.0.block.5.bias'],
      ...['features.1.1.layer_scale', 'features.1.1.block.0.weight'],
      ...['features.2.0.weight', 'features.2.1.weight'], // halves the resolution
      ...['features.3.0.layer_scale', 'features.3.0.block.2.weight'],
      ...['classifier.0.weight', 'classifier.2.weight'],
    ];
    expect(layersOf(next)).toEqual([1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
  });

  it('counts the layers of a plain row, and takes a network without indices for one layer', () => {
    expect(layersOf(['0.weight', '0.bias', '2.weight', '4.weight'])).toEqual([1, 1, 2, 3]);
    expect(layersOf(['conv1.weight', 'conv2.weight', 'fc.weight'])).toEqual([0, 0, 1]);
  });
});
