#pragma once

namespace contrastive {

// A function of the OpenMP runtime that libtorch opened: looked up, not linked, so that there is one. nullptr where it
// has none of that name.
void* openmp_function(const char* name);

}  // namespace contrastive
