#include "core/cpu.h"

#if defined(_M_X64) && !defined(__GNUC__)
#include <intrin.h>
#endif

namespace contrastive {

#if defined(__x86_64__) && defined(__GNUC__)

InstructionSet instruction_set() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? InstructionSet::kAvx512 : avx2 ? InstructionSet::kAvx2 : InstructionSet::kBaseline;
}

#elif defined(_M_X64)

// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID and XGETBV.
InstructionSet instruction_set() {
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

#else

InstructionSet instruction_set() { return InstructionSet::kBaseline; }

#endif

}  // namespace contrastive
