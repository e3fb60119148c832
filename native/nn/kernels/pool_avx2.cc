#define CONTRASTIVE_ISA avx2
#if defined(__x86_64__) || defined(_M_X64)
#include "nn/kernels/pool.inc"
#endif
