// The kernels for AVX2, FMA and BMI2 (kernels.cmake gives this file its flags).
#if defined(__x86_64__) || defined(_M_X64)
#define CONTRASTIVE_KERNELS_NAME "avx2"
#define CONTRASTIVE_KERNELS_FUNCTION kernels_avx2
#include "augment/kernels/all.inc"
#endif
