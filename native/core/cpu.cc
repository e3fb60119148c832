#include "core/cpu.h"

#if defined(_M_X64) && !defined(__GNUC__)
#include <intrin.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

namespace contrastive {
namespace {

// What oneDNN was told to keep below (its variable, by its newer and its older name) has no bfloat16.
bool is_forbidden() {
  // NOLINTBEGIN(concurrency-mt-unsafe): only JavaScript writes the environment
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (limit == nullptr) limit = std::getenv("DNNL_MAX_CPU_ISA");
  // NOLINTEND(concurrency-mt-unsafe)
  if (limit == nullptr) return false;
  std::string name = limit;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::string_view kWithout[] = {"SSE41",           "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE",
                                           "AVX512_CORE_VNNI"};
  return std::find(std::begin(kWithout), std::end(kWithout), name) != std::end(kWithout);
}

#if defined(__x86_64__) && defined(__GNUC__)

InstructionSet widest() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? InstructionSet::kAvx512 : avx2 ? InstructionSet::kAvx2 : InstructionSet::kBaseline;
}

// AMX comes with AVX512_BF16 in every processor that has it.
bool multiplies_bfloat16() {
  __builtin_cpu_init();
  return widest() == InstructionSet::kAvx512 && __builtin_cpu_supports("avx512bf16");
}

#elif defined(_M_X64)

// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID and XGETBV.
InstructionSet widest() {
  constexpr unsigned kLeaf1Ecx = 1u << 12 | 1u << 27 | 1u << 28;            // FMA, OSXSAVE, AVX
  constexpr unsigned kLeaf7Ebx = 1u << 5 | 1u << 8;                         // AVX2, BMI2
  constexpr unsigned kWideEbx = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // AVX-512 F, DQ, BW, VL
  constexpr unsigned kSaved = 0x6, kWideSaved = 0xe6;                       // XMM and YMM; with masks and ZMM
  int registers[4];                                                         // EAX, EBX, ECX, EDX
  const auto has = [](auto value, unsigned bits) { return (static_cast<unsigned>(value) & bits) == bits; };
  __cpuid(registers, 0);
  if (registers[0] < 7) return InstructionSet::kBaseline;
  __cpuid(registers, 1);
  if (!has(registers[2], kLeaf1Ecx)) return InstructionSet::kBaseline;
  const auto saved = _xgetbv(0);
  __cpuidex(registers, 7, 0);
  if (!has(saved, kSaved) || !has(registers[1], kLeaf7Ebx)) return InstructionSet::kBaseline;
  const bool wide = has(saved, kWideSaved) && has(registers[1], kWideEbx);
  return wide ? InstructionSet::kAvx512 : InstructionSet::kAvx2;
}

bool multiplies_bfloat16() {
  constexpr unsigned kBfloat16Eax = 1u << 5;  // AVX512_BF16, of leaf 7, subleaf 1
  int registers[4];
  if (widest() != InstructionSet::kAvx512) return false;
  __cpuidex(registers, 7, 1);
  return (static_cast<unsigned>(registers[0]) & kBfloat16Eax) != 0;
}

#else

InstructionSet widest() { return InstructionSet::kBaseline; }

bool multiplies_bfloat16() {
#if defined(__linux__) && defined(__aarch64__)
  constexpr unsigned long kBfloat16 = 1ul << 14;  // HWCAP2_BF16
  return (getauxval(AT_HWCAP2) & kBfloat16) != 0;
#elif defined(__APPLE__)
  int has = 0;
  size_t size = sizeof(has);
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &has, &size, nullptr, 0) == 0 && has != 0;
#else
  return false;
#endif
}

#endif

}  // namespace

InstructionSet instruction_set() {
  const char* limit = std::getenv("CONTRASTIVE_ISA");  // NOLINT(concurrency-mt-unsafe): as above
  const std::string_view name = limit ? limit : "";
  const InstructionSet most = name == "baseline" ? InstructionSet::kBaseline
                              : name == "avx2"   ? InstructionSet::kAvx2
                                                 : InstructionSet::kAvx512;
  return std::min(most, widest());
}

bool has_bfloat16() { return multiplies_bfloat16() && !is_forbidden(); }

}  // namespace contrastive
