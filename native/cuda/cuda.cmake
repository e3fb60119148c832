# contrastive_cuda.so: for a libtorch for CUDA, on Linux, where the headers of CUDA's runtime and of NCCL are found: those
# beside PyTorch's wheels, those of a CUDA toolkit, or the folders that CONTRASTIVE_CUDA_INCLUDES names. With these it is
# also compiled against the headers of a libtorch for the CPU, which has those for CUDA.
set(CONTRASTIVE_CUDA_INCLUDES "" CACHE STRING "folders with cuda_runtime_api.h and nccl.h, for contrastive_cuda.so")

# One of an earlier configuration would not fit the addon.
macro(go_without_cuda)
  file(REMOVE ${CMAKE_BINARY_DIR}/Release/contrastive_cuda.so)
  return()
endmacro()

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  go_without_cuda()
endif()
if(NOT EXISTS "${CONTRASTIVE_LIBTORCH}/lib/libtorch_cuda.so" AND NOT CONTRASTIVE_CUDA_INCLUDES)
  go_without_cuda()
endif()
find_package(CUDAToolkit QUIET)
file(GLOB WHEEL_INCLUDES ${CONTRASTIVE_LIBTORCH}/../nvidia/*/include)
set(CUDA_FOLDERS ${CONTRASTIVE_CUDA_INCLUDES} ${WHEEL_INCLUDES} ${CUDAToolkit_INCLUDE_DIRS}
  ${CONTRASTIVE_LIBTORCH}/../triton/backends/nvidia/include) # Triton's wheel has what that of the runtime lacks
foreach(FOLDER CONTRASTIVE_CUDA_RUNTIME_INCLUDE CONTRASTIVE_CUDA_CRT_INCLUDE CONTRASTIVE_NCCL_INCLUDE)
  unset(${FOLDER} CACHE) # other folders may have been named since
endforeach()
find_path(CONTRASTIVE_CUDA_RUNTIME_INCLUDE cuda_runtime_api.h HINTS ${CUDA_FOLDERS})
find_path(CONTRASTIVE_CUDA_CRT_INCLUDE crt/host_defines.h HINTS ${CUDA_FOLDERS}) # lacks in wheels of the runtime
find_path(CONTRASTIVE_NCCL_INCLUDE nccl.h HINTS ${CUDA_FOLDERS})
if(NOT CONTRASTIVE_CUDA_RUNTIME_INCLUDE OR NOT CONTRASTIVE_CUDA_CRT_INCLUDE OR NOT CONTRASTIVE_NCCL_INCLUDE)
  message(WARNING "contrastive_cuda.so is not built, and NCCL cannot be used: no cuda_runtime_api.h, crt/host_defines.h "
    "or nccl.h in ${CUDA_FOLDERS}")
  go_without_cuda()
endif()
set(CUDA_INCLUDES ${CONTRASTIVE_CUDA_RUNTIME_INCLUDE} ${CONTRASTIVE_CUDA_CRT_INCLUDE} ${CONTRASTIVE_NCCL_INCLUDE})

# c10d's headers take NCCL from 2.23 on. Where these cannot be used, the addon is built all the same.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${NATIVE}/cuda/names ${CUDA_INCLUDES})
unset(CONTRASTIVE_CUDA_HEADERS_FIT CACHE)
check_cxx_source_compiles("
  #include <cuda_runtime_api.h>
  #include <nccl.h>
  #if NCCL_VERSION_CODE < NCCL_VERSION(2, 23, 0)
  #error NCCL is too old
  #endif
  int main() { return 0; }" CONTRASTIVE_CUDA_HEADERS_FIT)
unset(CMAKE_REQUIRED_INCLUDES)
if(NOT CONTRASTIVE_CUDA_HEADERS_FIT)
  message(WARNING "contrastive_cuda.so is not built, and NCCL cannot be used: the headers in ${CUDA_INCLUDES} "
    "do not compile, or are of an NCCL before 2.23")
  go_without_cuda()
endif()

# In the place of libtorch_cuda.so, which a libtorch for the CPU lacks: who opens contrastive_cuda.so has the real one open.
file(WRITE ${CMAKE_BINARY_DIR}/empty.cc "")
add_library(torch_cuda_name SHARED ${CMAKE_BINARY_DIR}/empty.cc)
set_target_properties(torch_cuda_name PROPERTIES OUTPUT_NAME torch_cuda
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/names)

add_library(cuda MODULE ${CUDA_SOURCES})
target_include_directories(cuda PRIVATE ${NATIVE} ${NATIVE}/cuda/names)
target_include_directories(cuda SYSTEM PRIVATE
  ${CONTRASTIVE_LIBTORCH}/include ${CONTRASTIVE_LIBTORCH}/include/torch/csrc/api/include
  ${CUDA_INCLUDES})
target_compile_definitions(cuda PRIVATE USE_C10D_NCCL C10_CUDA_NO_CMAKE_CONFIGURE_FILE)
target_compile_options(cuda PRIVATE ${WARNINGS} ${GLIBC_OPTIONS})
target_link_directories(cuda PRIVATE ${CONTRASTIVE_LIBTORCH}/lib)
target_link_libraries(cuda PRIVATE torch_cpu c10 -Wl,--no-as-needed torch_cuda_name)
set_target_properties(cuda PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME contrastive_cuda SKIP_BUILD_RPATH ON
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/Release)
