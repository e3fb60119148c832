// What the processor can do, as far as there are kernels for it.
#pragma once

namespace contrastive {

// kAvx2: AVX2, FMA and BMI2. kAvx512: these, and F, BW, DQ and VL of AVX-512. Other processors have the baseline.
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

// The widest that the processor has and the operating system saves the registers of, and that the variable
// CONTRASTIVE_ISA (baseline, avx2 or avx512) allows.
InstructionSet instruction_set();

// Whether the processor multiplies bfloat16 by itself, and oneDNN, which computes libtorch's convolutions, may use it
// (ONEDNN_MAX_CPU_ISA can forbid that). Elsewhere bfloat16 is emulated.
bool has_bfloat16();

}  // namespace contrastive
