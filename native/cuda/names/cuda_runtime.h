#pragma once  // see cublas_v2.h

#include <cuda_runtime_api.h>
