/**
 * Contrastive representation learning on images: everything that is public. Importing this loads no native code; the
 * first call that needs libtorch does.
 */

import './symbol-dispose.ts';

export { adjustSharpness } from './augment/adjust-sharpness.ts';
export {
  type ApplyOptions,
  Augmentation,
  type AugmentData,
  type AugmentOptions,
  applyViews,
  augment,
  type DrawnTransform,
  type DrawOptions,
  type ImageSample,
  type ImageShape,
  setAugmentThreads,
} from './augment/augment.ts';
export { type AutoAugmentPolicy, autoAugment } from './augment/auto-augment.ts';
export { autocontrast } from './augment/autocontrast.ts';
export { centerCrop } from './augment/center-crop.ts';
export { colorJitter } from './augment/color-jitter.ts';
export { elasticTransform } from './augment/elastic-transform.ts';
export { equalize } from './augment/equalize.ts';
export * as functional from './augment/functional.ts';
export { gaussianBlur, simclrKernelSize } from './augment/gaussian-blur.ts';
export { gaussianNoise } from './augment/gaussian-noise.ts';
export { invert } from './augment/invert.ts';
export { type MultiCropOptions, type MultiCropView, multiCrop } from './augment/multi-crop.ts';
export { normalize } from './augment/normalize.ts';
export { posterize } from './augment/posterize.ts';
export {
  type ByolPresetOptions,
  type EvaluationOptions,
  type MocoV2PresetOptions,
  type MultiCropPresetOptions,
  type PresetOptions,
  presets,
  type SimclrPresetOptions,
  type SupconPresetOptions,
} from './augment/presets.ts';
export { policyOperations, randAugment } from './augment/rand-augment.ts';
export { randomAffine } from './augment/random-affine.ts';
export { randomCrop } from './augment/random-crop.ts';
export { cutout, randomErasing } from './augment/random-erasing.ts';
export { randomGrayscale } from './augment/random-grayscale.ts';
export { randomHorizontalFlip } from './augment/random-horizontal-flip.ts';
export { randomPerspective } from './augment/random-perspective.ts';
export { randomResizedCrop } from './augment/random-resized-crop.ts';
export { randomRotation } from './augment/random-rotation.ts';
export { randomRotation90 } from './augment/random-rotation90.ts';
export { randomVerticalFlip } from './augment/random-vertical-flip.ts';
export { resize } from './augment/resize.ts';
export { sobel } from './augment/sobel.ts';
export { solarize } from './augment/solarize.ts';
export type { Transform, TransformKind } from './augment/transform.ts';
export { trivialAugmentWide } from './augment/trivial-augment-wide.ts';

export { type LoadEncoderOptions, loadEncoder } from './checkpoint/encoder.ts';
export {
  Classifier,
  type ClassifierAccuracy,
  type ClassifierParts,
  type Predictions,
  type PredictOptions,
} from './classify/classifier.ts';
export { type FineTuneOptions, type FineTuneResult, fineTune } from './classify/fine-tune.ts';
export { type LoadClassifierOptions, loadClassifier } from './classify/load-classifier.ts';
export { type LabelSuggestion, type SuggestLabelsOptions, suggestLabels } from './classify/suggest-labels.ts';
export { type ArrayDatasetOptions, arrayDataset } from './data/array-dataset.ts';
export { type BalancedSubsetOptions, balancedSubset } from './data/balanced-subset.ts';
export { concat } from './data/concat.ts';
export {
  type Dataset,
  type DatasetDescription,
  describeDataset,
  type LoadedSample,
  type Sample,
  subset,
} from './data/dataset.ts';
export type { ImageFileOptions } from './data/decode.ts';
export { type DownloadFashionMnistOptions, downloadFashionMnist } from './data/fashion-mnist.ts';
export type { FolderDataset, SkippedFile } from './data/folder.ts';
export { type HeldOut, type HoldOutOptions, holdOut } from './data/hold-out.ts';
export {
  type DatasetName,
  type LoadFashionMnistOptions,
  type LoadFolderOptions,
  type LoadOptions,
  type LoadStl10Options,
  type LoadTarOptions,
  loadDataset,
} from './data/load.ts';
export { type Batch, DataLoader, type DataLoaderOptions, type EpochOptions } from './data/loader.ts';
export type { Batches, Sampler } from './data/sampler.ts';
export type { SamplerEpoch, SamplerFunction } from './data/samplers/custom.ts';
export { type MakeSamplerOptions, makeSampler, type SamplerSpec } from './data/samplers/samplers.ts';
export type { TarDataset } from './data/tar-shards.ts';
export {
  barrier,
  destroyProcessGroup,
  fromRankZero,
  groupTraffic,
  initProcessGroup,
  isDistributed,
  type ProcessGroupOptions,
  rank,
  worldSize,
} from './distributed/group.ts';
export { type ConvNeXt, type ConvNeXtOptions, convnextS, convnextT } from './encoders/convnext.ts';
export { type EfficientNet, type EfficientNetOptions, efficientnetB0 } from './encoders/efficientnet.ts';
export { type LinearHead, type LinearHeadOptions, linearHead } from './encoders/linear-head.ts';
export { type MobileNetV3, type MobileNetV3Options, mobilenetV3Large } from './encoders/mobilenet-v3.ts';
export { type ProjectionHead, type ProjectionHeadOptions, projectionHead } from './encoders/projection-head.ts';
export {
  type Encoder,
  type EncoderFactory,
  type EncoderFacts,
  encoderNames,
  makeEncoder,
  registerEncoder,
} from './encoders/registry.ts';
export {
  type ResNet,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  wideResnet50_2,
} from './encoders/resnet.ts';
export {
  type VisionTransformer,
  type VisionTransformerOptions,
  vitB16,
  vitS16,
  vitTi16,
} from './encoders/vision-transformer.ts';
export * from './errors.ts';
export { type ExtractOptions, extractFeatures, type Features } from './evaluate/features.ts';
export type { ProgressOptions } from './evaluate/in-turn.ts';
export {
  type KnnOptions,
  type KnnResult,
  knnClassify,
  type Neighbours,
  type NeighboursOptions,
  nearestNeighbours,
} from './evaluate/knn.ts';
export type { LabelledFeatures } from './evaluate/labelled.ts';
export { type LinearProbeOptions, type LinearProbeResult, linearProbe } from './evaluate/linear-probe.ts';
export { rankMe } from './evaluate/rank-me.ts';
export {
  type ExportedModel,
  type ExportModules,
  type ExportOptions,
  exportOnnx,
} from './export/export-onnx.ts';
export {
  type ContrastiveLossSpec,
  type DefinedLoss,
  defineLoss,
  type KeyBank,
  type LossBatch,
  type LossDefinition,
  type LossName,
  type LossSpec,
  type LossValue,
} from './losses/all.ts';
export type { CrossEntropyLossSpec } from './losses/cross-entropy.ts';
export { type DclLossSpec, type DclwLossOptions, type DclwLossSpec, dclLoss, dclwLoss } from './losses/dcl.ts';
export type { LabelSets, Labels, SampleIds } from './losses/labels.ts';
export { type ContrastiveMetrics, type ContrastiveMetricsOptions, contrastiveMetrics } from './losses/metrics.ts';
export { type NtXentLossOptions, type NtXentLossSpec, ntXentLoss } from './losses/nt-xent.ts';
export type { ContrastiveLossOptions, FeatureBank, HardNegatives } from './losses/options.ts';
export {
  type Denominators,
  type SupConLossOptions,
  type SupConLossResult,
  type SupConLossSpec,
  supConLoss,
  supConLossWithStats,
} from './losses/sup-con.ts';
export type { NamedMethod } from './methods/all.ts';
export { type BarlowTwinsOptions, barlowTwins } from './methods/barlow-twins.ts';
export { type ByolOptions, byol } from './methods/byol.ts';
export { type CrossEntropyOptions, crossEntropy } from './methods/cross-entropy.ts';
export type { CustomLoss, CustomLossBatch } from './methods/custom-loss.ts';
export { type DclOptions, dcl } from './methods/dcl.ts';
export { type DinoOptions, dino } from './methods/dino.ts';
export { KeyQueue, type KeyQueueOptions } from './methods/key-queue.ts';
export {
  FeatureMethod,
  Method,
  type MethodBatch,
  type MethodParts,
  type MethodValue,
  type Targets,
} from './methods/method.ts';
export { type MocoOptions, moco } from './methods/moco.ts';
export { type MocoV3Options, mocoV3 } from './methods/moco-v3.ts';
export type { CustomHead, Network, NetworkParts } from './methods/network.ts';
export { type NnclrOptions, nnclr } from './methods/nnclr.ts';
export {
  type Around,
  type DeclaredMethod,
  defineMethod,
  type LabelUse,
  type MethodDefinition,
  type MethodSpec,
} from './methods/registry.ts';
export { type SimclrOptions, simclr } from './methods/simclr.ts';
export { type SimsiamOptions, simsiam } from './methods/simsiam.ts';
export { type SupconOptions, supcon } from './methods/supcon.ts';
export { type SwavOptions, swav } from './methods/swav.ts';
export { Teacher } from './methods/teacher.ts';
export { type VicregOptions, vicreg } from './methods/vicreg.ts';
export type { Views } from './methods/views.ts';
export { type FeatureRankOptions, featureRank } from './monitors/feature-rank.ts';
export { featureSpread } from './monitors/feature-spread.ts';
export { type OnlineKnnOptions, onlineKnn } from './monitors/online-knn.ts';
export { type OnlineProbeOptions, onlineProbe } from './monitors/online-probe.ts';
export { type DoctorFinding, type DoctorReport, doctor } from './native/doctor.ts';
export * as nn from './nn/index.ts';
export type { Module, ModuleConfig } from './nn/module.ts';
export type { LoadStateDictOptions, LoadStateDictResult } from './nn/state-dict.ts';
export type { WeightAdaptation } from './nn/weight-adaptation.ts';
export { type LoadedWeights, type LoadWeightsOptions, readWeights } from './nn/weights-file.ts';
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from './optim/adam.ts';
export type { ParameterRule } from './optim/groups.ts';
export { LARS, type LARSOptions } from './optim/lars.ts';
export { makeOptimizer, type Optimizer, type OptimizerSpec, type Parameters } from './optim/optimizer.ts';
export {
  type CustomSchedule,
  learningRateAt,
  type ScheduleContext,
  type ScheduleSpec,
} from './optim/schedule.ts';
export { SGD, type SGDOptions } from './optim/sgd.ts';
export { type Ramp, rampAt } from './options/ramp.ts';
export { type Duplicate, type DuplicateOptions, findDuplicates } from './search/duplicates.ts';
export {
  createIndex,
  FeatureIndex,
  type IndexEntry,
  type Neighbour,
  type OpenIndexOptions,
  openIndex,
  type SearchOptions,
} from './search/feature-index.ts';
export type { IndexedFile } from './search/index-file.ts';
export { findOutliers, type Outlier, type OutlierOptions } from './search/outliers.ts';
export { type IndexUpdate, type UpdateIndexOptions, updateIndex } from './search/update-index.ts';
export type { CloseOptions } from './serve/calls.ts';
export {
  createEmbedder,
  Embedder,
  type EmbedderInfo,
  type EmbedderOptions,
  type EmbedOptions,
  type ServedEmbedder,
} from './serve/embedder.ts';
export type { EncoderOrigin, EncoderSource, WeightsInput } from './serve/encoder-source.ts';
export {
  type ClassConfidence,
  type Classification,
  createClassifier,
  type ImageClassifier,
  type ImageClassifierOptions,
} from './serve/image-classifier.ts';
export type { ImageInput, RawImage } from './serve/image-input.ts';
export type { SearchedIndex } from './serve/search-routes.ts';
export { type EmbeddingServiceOptions, embeddingService, type FastifyPlugin } from './serve/service.ts';
export { type BackendOptions, setBackends } from './tensor/backends.ts';
export { type Compiled, type CompileOptions, compile, type Given } from './tensor/compile.ts';
export { Generator } from './tensor/generator.ts';
export { autocast, enableGrad, isGradEnabled, noGrad, tidy } from './tensor/modes.ts';
export type { NestedArray, TensorData } from './tensor/nested.ts';
export * as ops from './tensor/ops.ts';
export { grad, ones, zeros } from './tensor/ops.ts';
export type { Precision, PrecisionOption, PrecisionSpeeds } from './tensor/precision.ts';
export { manualSeed, randomKey } from './tensor/random.ts';
export type { Recording, RecordingGraph } from './tensor/recording.ts';
export { devices, memory, setThreads, sync } from './tensor/runtime.ts';
export { type DType, Tensor, type TensorOptions, type TypedArray, tensor } from './tensor/tensor.ts';
export type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  MonitorEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  WarningEvent,
} from './train/events.ts';
export type { FitOptions } from './train/fit-options.ts';
export type {
  EpochMonitor,
  FeatureContext,
  FeatureMonitor,
  Figures,
  Monitor,
  MonitorContext,
  ObservedBatch,
  QueuedFeatures,
} from './train/monitors.ts';
export type { TrainerOptions } from './train/options.ts';
export { Trainer } from './train/trainer.ts';
