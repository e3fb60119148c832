// Variables that stand in for an older processor, by the level of its instructions: oneDNN's limit, libtorch's own, and ours.
export const levels = {
  sse41: { ONEDNN_MAX_CPU_ISA: 'SSE41', ATEN_CPU_CAPABILITY: 'default', CONTRASTIVE_ISA: 'baseline' },
  avx2: { ONEDNN_MAX_CPU_ISA: 'AVX2', ATEN_CPU_CAPABILITY: 'avx2', CONTRASTIVE_ISA: 'avx2' },
  native: {},
};

/** Tests that reach native code. */
export const nativeTests = [
  'test/native',
  'test/tensor',
  'test/augment',
  'test/losses',
  'test/encoders',
  'test/nn',
  'test/optim',
  'test/train',
  'test/evaluate',
  'test/serve',
  'test/data',
  'test/checkpoint',
  'test/classify',
  'test/methods',
  'test/monitors',
  'test/search',
  'test/export',
  'test/distributed/operations',
  'test/distributed/whole-batch',
];
