#include "augment/kernels.h"

#include <cstdlib>
#include <string_view>

namespace contrastive::augment {
namespace {

const Kernels& choose() {
#if defined(__x86_64__)
  const char* wish = std::getenv("CONTRASTIVE_AUGMENT_ISA");
  const std::string_view limit = wish ? wish : "avx512";
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && limit == "avx512") return kernels_avx512();
  if (avx2 && limit != "baseline") return kernels_avx2();
#endif
  return kernels_baseline();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace contrastive::augment
