// The kernels for the instruction set that every processor of the platform has.
#define CONTRASTIVE_KERNELS_NAME "baseline"
#define CONTRASTIVE_KERNELS_FUNCTION kernels_baseline
#include "augment/kernels/all.inc"
