#define CONTRASTIVE_ISA baseline
#include "nn/kernels/pool.inc"
