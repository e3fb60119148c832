#pragma once  // see cublas_v2.h

typedef struct cusolverDnContext* cusolverDnHandle_t;
