# Flags of the augmentation kernels: three files, one body, one instruction set each; the best is chosen at run time.
# Only these files may have them, as they define no inline function that the linker could share with others.
set(kernels_directory ${CMAKE_CURRENT_LIST_DIR})
# Pixels and positions are finite. Without being told, GCC makes six instructions of a clamp instead of a minimum and a
# maximum, and every point operation takes up to three times as long. What becomes an index is bounded as an integer.
# A loop of few instructions that does not begin a cache line may take twice the time.
set(kernels_flags -O3 -fopenmp-simd -fno-math-errno -fno-trapping-math -ffinite-math-only -fno-signed-zeros
  -falign-loops=64)
if(MSVC)
  # /fp:fast would say that pixels are finite, and also let sums be taken in another order.
  set(kernels_flags /fp:contract)
endif()
set_source_files_properties(${kernels_directory}/kernels_baseline.cc PROPERTIES COMPILE_OPTIONS "${kernels_flags}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(kernels_avx2_flags ${kernels_flags} -mavx2 -mfma -mbmi2)
  set(kernels_avx512_flags ${kernels_avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  if(MSVC)
    set(kernels_avx2_flags ${kernels_flags} /arch:AVX2)
    set(kernels_avx512_flags ${kernels_flags} /arch:AVX512)
  endif()
  set_source_files_properties(${kernels_directory}/kernels_avx2.cc PROPERTIES COMPILE_OPTIONS "${kernels_avx2_flags}")
  set_source_files_properties(${kernels_directory}/kernels_avx512.cc PROPERTIES COMPILE_OPTIONS "${kernels_avx512_flags}")
endif()
