# NCCL::nccl: NCCL ships no CMake package.
include(${CMAKE_CURRENT_LIST_DIR}/find_cuda_library.cmake)
find_cuda_library(NCCL NCCL::nccl NAMES nccl libnccl.so.2 HEADER nccl.h VERSION "NCCL_(MAJOR|MINOR|PATCH)")
