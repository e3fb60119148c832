#define CONTRASTIVE_ISA baseline
#include "evaluate/kernels/dots.inc"
