#define CONTRASTIVE_ISA baseline
#include "nn/kernels/batch_norm.inc"
