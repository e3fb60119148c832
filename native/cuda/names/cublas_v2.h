// libtorch's headers for CUDA mention more of NVIDIA's libraries than NCCL's backend uses. These are the names that
// they mention, so that only the headers of CUDA's runtime and of NCCL are needed, which lay out what is used.
#pragma once

typedef struct cublasContext* cublasHandle_t;
typedef int cublasStatus_t;
