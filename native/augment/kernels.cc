#include "augment/kernels.h"

#include "core/cpu.h"

namespace contrastive::augment {
namespace {

const Kernels& choose() {
#if defined(__x86_64__) || defined(_M_X64)
  const InstructionSet widest = instruction_set();
  if (widest >= InstructionSet::kAvx512) return kernels_avx512();
  if (widest >= InstructionSet::kAvx2) return kernels_avx2();
#endif
  return kernels_baseline();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace contrastive::augment
