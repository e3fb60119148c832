#pragma once  // see cublas_v2.h: nothing of it is mentioned
