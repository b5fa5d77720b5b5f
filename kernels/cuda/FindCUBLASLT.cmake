# CUBLASLT::cublasLt: CMake's own finds CUDA's library under its plain name only. It may lie beside cuDNN.
include(${CMAKE_CURRENT_LIST_DIR}/find_cuda_library.cmake)
find_cuda_library(CUBLASLT CUBLASLT::cublasLt NAMES cublasLt libcublasLt.so.${CUDAToolkit_VERSION_MAJOR}
                  HINTS ${CUDNN_ROOT})
