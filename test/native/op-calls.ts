/** A call of every operation of our own table: on meta tensors in ops-table.test.ts, on a device in ops-cuda.test.ts. */
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const labels = (n: number) => tensor(Int32Array.from({ length: n }, (_, i) => i % 3)).to('int64');
const images = () => ops.rand([2, 3, 6, 5]);

const parameters = () => [ops.randn([3, 2]), ops.randn([2])];
const like = (tensors: readonly Tensor[]) => tensors.map((value) => ops.zerosLike(value));
const rate = tensor(0.1, { dtype: 'float64' });
const status = () => tensor(0n);
const groups = {
  groups: [0, 1],
  rateFactors: [1, 0.5],
  weightDecays: [0.1, 0].map((decay) => tensor(decay, { dtype: 'float64' })),
};
const factors = { ...groups, momentum: 0.9, nesterov: false };

/** Tensors come from `ops` and `tensor()`, on the CPU. */
export const calls: Readonly<Record<string, () => Tensor | Tensor[]>> = {
  agree_: () => internal.agree_(status(), tensor([0n])),
  all_gather: () => ops.allGather(ops.rand([2, 3])),
  all_reduce_: () => ops.allReduce_(ops.rand([2, 3])),
  broadcast_: () => ops.broadcast_(ops.rand([2, 3])),
  reduce_gradients_: () => internal.reduceGradients_(status(), parameters(), []),
  reduce_scatter: () => ops.reduceScatter(ops.rand([2, 3])),
  reduced_backward_: () => {
    const weight = tensor([1, 2], { requiresGrad: true });
    return internal.reducedBackward_(weight.sum(), status(), [weight], []);
  },
  whole_batch: () => ops.wholeBatch(ops.rand([2, 3])),
  adam_: () => {
    const all = parameters();
    const steps = all.map(() => ops.zeros([]));
    const options = { ...groups, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupledDecay: true };
    return internal.adam_(all, [...like(all), ...like(all), ...steps], rate, options);
  },
  begin_step_: () => internal.beginStep_(parameters(), like(parameters()), status()),
  batch_norm_act: () => {
    const [weight, bias, mean, variance] = [ops.ones([4]), ops.zeros([4]), ops.zeros([4]), ops.ones([4])];
    const x = ops.randn([2, 4, 3, 3]);
    return internal.batchNormAct(x, {
      weight,
      bias,
      runningMean: mean,
      runningVar: variance,
      numBatchesTracked: tensor(0n),
      residual: x,
      training: true,
      activation: 'relu',
    });
  },
  clip_gradients_: () =>
    internal.clipGradients_(parameters(), tensor(0, { dtype: 'float64' }), { status: status(), maxNorm: 1 }),
  contrastive_metrics: () => internal.contrastiveMetrics(ops.randn([6, 2, 8]), { labels: labels(6) }),
  end_step_: () => internal.endStep_(parameters(), parameters(), like(parameters()), status(), { failed: true }),
  guarded_backward_: () => internal.guardedBackward_(tensor([1, 2], { requiresGrad: true }).sum(), status()),
  image_adjust_brightness: () => internal.imageAdjustBrightness(images(), 1.2),
  image_adjust_contrast: () => internal.imageAdjustContrast(images(), tensor([0.5, 1.5])),
  image_adjust_hue: () => internal.imageAdjustHue(images(), 0.2),
  image_adjust_saturation: () => internal.imageAdjustSaturation(images(), 0.5),
  image_adjust_sharpness: () => internal.imageAdjustSharpness(images(), 2),
  image_affine: () => internal.imageAffine(images(), [9], [1, 2, 0, 0], [1.1], [0, 3], { interpolation: 'bilinear' }),
  image_autocontrast: () => internal.imageAutocontrast(images()),
  image_crop: () => internal.imageCrop(images(), [0, 1, 2, 0], [5, 4], { padding: [1, 1, 1, 1], mode: 'reflect' }),
  image_elastic: () => internal.imageElastic(images(), ops.randn([6, 5, 2])),
  image_equalize: () => internal.imageEqualize(images()),
  image_erase: () => internal.imageErase(images(), [0, 1, 2, 3], tensor(0.5)),
  image_flip: () => internal.imageFlip(images(), { horizontal: true, vertical: true }),
  image_gaussian_blur: () => internal.imageGaussianBlur(images(), 3, tensor([0.5, 1.5])),
  image_gaussian_noise: () => internal.imageGaussianNoise(images(), 0.1, [1, 2]),
  image_invert: () => internal.imageInvert(images()),
  image_normalize: () => internal.imageNormalize(images(), [0.5], [0.1, 0.2, 0.3]),
  image_perspective: () => internal.imagePerspective(images(), [1, 0, 0, 0, 1, 0, 0, 0.1]),
  image_posterize: () => internal.imagePosterize(images(), [3, 8]),
  image_resize: () => internal.imageResize(images().to('bfloat16'), [4, 9]),
  image_resized_crop: () => internal.imageResizedCrop(images().select(0, 0), [1, 0, 4, 3], [7, 8]),
  image_rgb_to_grayscale: () => internal.imageRgbToGrayscale(images(), 3),
  image_rotate: () => internal.imageRotate(images(), [10, 20]),
  image_rotate90: () => internal.imageRotate90(images(), [3]),
  image_sobel: () => internal.imageSobel(images()),
  image_solarize: () => internal.imageSolarize(images(), 0.5),
  knn_classify: () => internal.knnClassify(ops.randn([5, 4]), ops.randn([9, 4]), labels(9), { classes: 3, k: 2 }),
  lars_: () => {
    const all = parameters();
    return internal.lars_(all, like(all), rate, {
      ...factors,
      trustCoefficients: [0.001, 0],
      rateInMomentum: true,
      separateNorms: false,
    });
  },
  moving_average_: () => internal.movingAverage_(parameters(), parameters(), rate, status()),
  nearest_neighbours: () => internal.nearestNeighbours(ops.randn([5, 4]), ops.randn([9, 4]), { k: 2 }),
  push_keys_: () =>
    internal.pushKeys_(ops.zeros([5, 4]), labels(5), labels(5), status(), ops.randn([3, 4]), {
      keyIds: labels(3),
      status: status(),
    }),
  query_metrics: () =>
    internal.queryMetrics(ops.randn([4, 2, 8]), labels(4), { bank: ops.randn([5, 8]), bankIds: labels(5) }),
  refuse_non_finite_: () => internal.refuseNonFinite_(parameters(), status(), { reason: 1 }),
  sgd_: () => {
    const all = parameters();
    const largest = tensor(Number.POSITIVE_INFINITY, { dtype: 'float64' });
    return internal.sgd_(all, like(all), rate, { ...factors, status: status(), gradientNorm: rate, largest });
  },
  contrastive_loss: () =>
    internal.contrastiveLoss(ops.randn([6, 2, 8]), {
      labels: labels(6),
      bank: ops.randn([5, 8]),
      bankLabels: labels(5),
      denominators: 'negatives-and-one-positive',
      maxPositives: 2,
      concentration: 1,
      learnedTemperature: tensor(0.5),
    }),
  probe_inputs: () => internal.probeInputs(ops.randn([5, 4]), ops.zeros([4]), ops.ones([4])),
  probe_logits: () => internal.probeLogits(ops.randn([2, 3, 5]), ops.randn([7, 5])),
  probe_scale: () => internal.probeScale(ops.randn([5, 4])),
  probe_steps: () => {
    const weights = ops.zeros([2, 3, 5]);
    const range = { step: 1, count: 2, total: 3, batch: 4 };
    return internal.probeSteps(weights, weights, ops.randn([9, 5]), labels(9), tensor([0.1, 0.01]), range);
  },
  softmax_cross_entropy: () => internal.softmaxCrossEntropy(ops.randn([6, 1, 3]), labels(6), { labelSmoothing: 0.1 }),
  update_loss_scale_: () => {
    const rule = { growth: 2, backoff: 0.5, interval: 2000, least: 1 };
    return internal.updateLossScale_(tensor(8), tensor(0, { dtype: 'int32' }), status(), rule);
  },
  unit_bank: () => internal.unitBank(ops.randn([5, 4])),
  dropout: () => ops.dropout(ops.randn([4, 5]), { p: 0.3 }),
  grad: () => {
    const x = tensor([1, 2], { requiresGrad: true });
    return ops.grad([x.square().sum()], [x]);
  },
  normalize: () => ops.normalize(ops.randn([4, 5])),
  scaled_dot_product_attention: () => {
    const query = ops.randn([2, 3, 4, 5]);
    return ops.scaledDotProductAttention(query, ops.randn([2, 3, 6, 5]), ops.randn([2, 3, 6, 2]), { isCausal: true });
  },
  randint: () => ops.randint(0, 5, [2, 3]),
  randperm: () => ops.randperm(5, { device: 'cpu' }),
  rand: () => ops.rand([2, 3], { seed: 1 }),
  randn: () => ops.randn([2, 3], { seed: 1, device: 'cpu' }),
};
