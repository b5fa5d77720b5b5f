# CUDNN::cudnn: cuDNN ships no CMake package.
include(${CMAKE_CURRENT_LIST_DIR}/find_cuda_library.cmake)
find_cuda_library(CUDNN CUDNN::cudnn NAMES cudnn libcudnn.so.9
                  HEADER cudnn_version.h VERSION "CUDNN_(MAJOR|MINOR|PATCHLEVEL)")
