# Flags of the augmentation kernels: three files, one body, one instruction set each; the best is chosen at run time.
# Only these files may have them, as they define no inline function that the linker could share with others.
set(kernels_directory ${CMAKE_CURRENT_LIST_DIR})
set(kernels_flags -O3 -fopenmp-simd -fno-math-errno -fno-trapping-math)
set_source_files_properties(${kernels_directory}/kernels_baseline.cc PROPERTIES COMPILE_OPTIONS "${kernels_flags}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(kernels_avx2_flags ${kernels_flags} -mavx2 -mfma -mbmi2)
  set(kernels_avx512_flags ${kernels_avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  set_source_files_properties(${kernels_directory}/kernels_avx2.cc PROPERTIES COMPILE_OPTIONS "${kernels_avx2_flags}")
  set_source_files_properties(${kernels_directory}/kernels_avx512.cc PROPERTIES COMPILE_OPTIONS "${kernels_avx512_flags}")
endif()
