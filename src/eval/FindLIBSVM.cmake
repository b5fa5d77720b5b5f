# LIBSVM::libsvm: libsvm ships no CMake package. LIBSVM_ROOT says where to look besides the system's folders.
find_path(LIBSVM_INCLUDE_DIR libsvm/svm.h)
find_library(LIBSVM_LIBRARY svm)
if(LIBSVM_INCLUDE_DIR)
  file(STRINGS ${LIBSVM_INCLUDE_DIR}/libsvm/svm.h line REGEX "#define LIBSVM_VERSION [0-9]+")
  string(REGEX REPLACE "[^0-9]*([0-9])([0-9]+).*" "\\1.\\2" LIBSVM_VERSION "${line}") # 324 is 3.24
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LIBSVM REQUIRED_VARS LIBSVM_LIBRARY LIBSVM_INCLUDE_DIR VERSION_VAR LIBSVM_VERSION)
mark_as_advanced(LIBSVM_INCLUDE_DIR LIBSVM_LIBRARY)
if(LIBSVM_FOUND AND NOT TARGET LIBSVM::libsvm)
  add_library(LIBSVM::libsvm UNKNOWN IMPORTED GLOBAL) # whoever links core links it
  set_target_properties(LIBSVM::libsvm PROPERTIES IMPORTED_LOCATION ${LIBSVM_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${LIBSVM_INCLUDE_DIR})
endif()
