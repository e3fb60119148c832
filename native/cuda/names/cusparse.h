#pragma once  // see cublas_v2.h

typedef struct cusparseContext* cusparseHandle_t;
typedef int cusparseStatus_t;
