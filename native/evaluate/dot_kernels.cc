#include "evaluate/dot_kernels.h"

#include "core/cpu.h"

namespace contrastive::evaluate {

namespace baseline {
extern const DotKernel dots;
}
#if defined(__x86_64__) || defined(_M_X64)
namespace avx2 {
extern const DotKernel dots;
}
namespace avx512 {
extern const DotKernel dots;
}
#endif

DotKernel dot_kernel() {
#if defined(__x86_64__) || defined(_M_X64)
  const InstructionSet widest = instruction_set();
  if (widest >= InstructionSet::kAvx512) return avx512::dots;
  if (widest >= InstructionSet::kAvx2) return avx2::dots;
#endif
  return baseline::dots;
}

}  // namespace contrastive::evaluate
