#pragma once  // see cublas_v2.h

typedef int cusolverStatus_t;
