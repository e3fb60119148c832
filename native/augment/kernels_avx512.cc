// The kernels for AVX-512 F, BW, DQ and VL (kernels.cmake gives this file its flags).
#if defined(__x86_64__) || defined(_M_X64)
#define CONTRASTIVE_KERNELS_NAME "avx512"
#define CONTRASTIVE_KERNELS_FUNCTION kernels_avx512
#include "augment/kernels/all.inc"
#endif
