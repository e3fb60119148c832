#include "nn/batch_norm_kernels.h"

#include "core/cpu.h"

namespace contrastive::nn {

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
#if defined(__x86_64__) || defined(_M_X64)
  const InstructionSet widest = instruction_set();
  if (widest >= InstructionSet::kAvx512) return avx512::kernels;
  if (widest >= InstructionSet::kAvx2) return avx2::kernels;
#endif
  return baseline::kernels;
}

}  // namespace

const BatchNormKernels& batch_norm_kernels() {
  static const BatchNormKernels& chosen = choose();
  return chosen;
}

}  // namespace contrastive::nn
