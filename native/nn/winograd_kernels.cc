#include "nn/winograd_kernels.h"

#include <cstdlib>
#include <string_view>

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

// Asked for by CONTRASTIVE_WINOGRAD=1. Faster than oneDNN's direct sums on one thread that has its core's caches to
// itself; with two threads on two cores of an AMD EPYC a training step of a ResNet-18 took 1.1 to 1.5 times as long.
bool is_wanted() {
  const char* wish = std::getenv("CONTRASTIVE_WINOGRAD");  // NOLINT(concurrency-mt-unsafe): read once
  return wish != nullptr && std::string_view(wish) == "1";
}

const WinogradSet* choose_winograd() {
  if (!is_wanted()) return nullptr;
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
