#include "nn/winograd_kernels.h"

#include "core/cpu.h"

namespace contrastive::nn {

#if defined(__x86_64__) || defined(_M_X64)
namespace avx2 {
extern const WinogradSet winograd;
}
namespace avx512 {
extern const WinogradSet winograd;
}
#endif

namespace {

const WinogradSet* choose_winograd() {
#if defined(__x86_64__) || defined(_M_X64)
  const InstructionSet widest = instruction_set();
  if (widest >= InstructionSet::kAvx512) return &avx512::winograd;
  if (widest >= InstructionSet::kAvx2) return &avx2::winograd;
#endif
  return nullptr;
}

}  // namespace

const WinogradSet* winograd_kernels() {
  static const WinogradSet* const chosen = choose_winograd();
  return chosen;
}

}  // namespace contrastive::nn
