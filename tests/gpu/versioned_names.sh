#!/bin/bash
# Where CUDA's libraries come from Python's wheels, only libcudnn.so.9, libcublasLt.so.13 and the like exist. In a
# folder like that CMake must find them, and the module link and open.
#   versioned_names.sh BUILD_FOLDER NVCC CMAKE     after the module was built there
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$1
NVCC=$2
cmake=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
backend=cuda
. "$here/build.sh"

# ---- the folder ----
mkdir -p "$work/cuda/lib" "$work/cuda/include"
for name in libcudnn.so libcublasLt.so; do
    file=$(readlink -f "$(library_file $name)") || exit 77
    major=$(objdump -p "$file" | sed -n 's/^ *SONAME *//p')
    ln -s "$file" "$work/cuda/lib/$major"
done
ln -s "$(header_folders cudnn.h libcudnn.so | head -1)"/cudnn*.h "$work/cuda/include"
for file in "$(dirname "$(library_file libcudnn.so)")"/libcudnn_*.so.9; do ln -s "$file" "$work/cuda/lib"; done
[ -z "$(ls "$work"/cuda/lib/*.so 2>/dev/null)" ] || { echo "a plain name is left"; exit 1; }

# ---- CMake finds them ----
mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<PROJECT
cmake_minimum_required(VERSION 3.24)
project(names LANGUAGES C)
list(APPEND CMAKE_MODULE_PATH $root/kernels/cuda)
set(CUDAToolkit_VERSION_MAJOR ${major##*.})
find_package(CUDNN 9 REQUIRED)
find_package(CUBLASLT REQUIRED)
message(STATUS "found \${CUDNN_LIBRARY} \${CUBLASLT_LIBRARY}")
PROJECT
found=$("$cmake" -S "$work/project" -B "$work/project/build" -DCUDNN_ROOT="$work/cuda" -DCUBLASLT_ROOT="$work/cuda" 2>&1)
case $found in
*"found $work/cuda/lib/libcudnn.so.9 $work/cuda/lib/libcublasLt.so."*) ;;
*) echo "$found"; exit 1 ;;
esac

# ---- the module links and opens ----
CUDNN_ROOT=$work/cuda
mapfile -t objects < <(find "$build/kernels/cuda/CMakeFiles/prunelora_cuda.dir" -name '*.o')
link_module "$work/libprunelora_cuda.so" "${objects[@]}" || exit 1
needed=$(env -u LD_LIBRARY_PATH ldd "$work/libprunelora_cuda.so")
for name in libcudnn.so libcublasLt.so; do
    case $needed in
    *"=> $work/cuda/lib/$name."*) ;;
    *) echo "$name does not come from $work/cuda/lib: $needed"; exit 1 ;;
    esac
done
env -u LD_LIBRARY_PATH PRUNELORA_CUDA_MODULE="$work/libprunelora_cuda.so" "$build/tests/kernels/test_kernels_cuda_module"
