/**
 * The build of libtorch for Linux on Arm: the CPU half of PyTorch's wheel on PyPI, which is a CUDA build there. That half is
 * linked to two of NVIDIA's libraries, which need no driver; without the rest no GPU is used. (PyTorch's own index has a
 * smaller wheel without any of this; a row for it wants its SHA-256.)
 */
import type { Wheel } from './wheel.ts';

const host = 'https://files.pythonhosted.org/packages';

/** What only a GPU needs, or asks for what only a GPU needs. */
const leaveOut =
  /\/lib(torch|torch_cuda\w*|torch_nvshmem|torch_global_deps|c10_cuda|caffe2_nvrtc|checkpoint|nvperf_\w+|pcsamplingutil)\.so$/;

export const arm64Wheel: Wheel = {
  version: '2.13.0',
  file: 'torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl',
  sha256: '092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c',
  bytes: 427_199_369,
  pipPlatform: 'manylinux_2_28_aarch64',
  url: `${host}/c2/59/1e3160e18e12aa3038390efab3ce02b36a9d4d6a527ecdd8520dca2e68d8/torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl`,
  leaveOut,
  beside: [
    {
      project: 'nvidia-cuda-runtime',
      version: '13.0.96',
      file: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl',
      sha256: 'ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55',
      pipPlatform: 'manylinux_2_17_aarch64',
      url: `${host}/87/4f/17d7b9b8e285199c58ce28e31b5c5bbaa4d8271af06a89b6405258245de2/nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl`,
    },
    {
      project: 'nvidia-cuda-cupti',
      version: '13.0.85',
      file: 'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl',
      sha256: '796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151',
      pipPlatform: 'manylinux_2_25_aarch64',
      url: `${host}/2a/2a/80353b103fc20ce05ef51e928daed4b6015db4aaa9162ed0997090fe2250/nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl`,
      leaveOut,
    },
  ],
};
