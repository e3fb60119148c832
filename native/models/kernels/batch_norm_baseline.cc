#define CONTRASTIVE_ISA baseline
#include "models/kernels/batch_norm.inc"
