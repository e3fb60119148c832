#include "nn/pool_kernels.h"

#include "core/cpu.h"

namespace contrastive::nn {

namespace baseline {
extern const PoolKernels pool;
}
#if defined(__x86_64__) || defined(_M_X64)
namespace avx2 {
extern const PoolKernels pool;
}
namespace avx512 {
extern const PoolKernels pool;
}
#endif

namespace {

const PoolKernels& choose_pool() {
#if defined(__x86_64__) || defined(_M_X64)
  const InstructionSet widest = instruction_set();
  if (widest >= InstructionSet::kAvx512) return avx512::pool;
  if (widest >= InstructionSet::kAvx2) return avx2::pool;
#endif
  return baseline::pool;
}

}  // namespace

const PoolKernels& pool_kernels() {
  static const PoolKernels& chosen = choose_pool();
  return chosen;
}

}  // namespace contrastive::nn
