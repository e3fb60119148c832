#include "models/batch_norm_kernels.h"

namespace contrastive::models {

namespace baseline {
extern const BatchNormKernels kernels;
}
#if defined(__x86_64__) || defined(_M_X64)
namespace avx2 {
extern const BatchNormKernels kernels;
}
namespace avx512 {
extern const BatchNormKernels kernels;
}
#endif

namespace {

const BatchNormKernels& choose() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) return avx512::kernels;
  if (avx2) return avx2::kernels;
#endif
  return baseline::kernels;
}

}  // namespace

const BatchNormKernels& batch_norm_kernels() {
  static const BatchNormKernels& chosen = choose();
  return chosen;
}

}  // namespace contrastive::models
