# CUBLASLT::cublasLt: CMake's own finds CUDA's library under its plain name only; Python's wheels have the versioned one.
# Looked for beside CUDA and beside cuDNN; CUBLASLT_ROOT says where else.
find_library(CUBLASLT_LIBRARY NAMES cublasLt libcublasLt.so.${CUDAToolkit_VERSION_MAJOR} NAMES_PER_DIR
             HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_ROOT} ${CUDNN_ROOT} PATH_SUFFIXES lib lib64)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CUBLASLT REQUIRED_VARS CUBLASLT_LIBRARY)
mark_as_advanced(CUBLASLT_LIBRARY)
if(CUBLASLT_FOUND AND NOT TARGET CUBLASLT::cublasLt)
  add_library(CUBLASLT::cublasLt UNKNOWN IMPORTED)
  set_target_properties(CUBLASLT::cublasLt PROPERTIES IMPORTED_LOCATION ${CUBLASLT_LIBRARY})
endif()
