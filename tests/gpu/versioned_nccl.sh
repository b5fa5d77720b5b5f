#!/bin/bash
# As versioned_names.sh for NCCL, which gangs will want and may be missing: where there is libnccl.so.2 only, CMake must
# find it, and a program that calls it start.
#   versioned_nccl.sh NVCC CMAKE
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
NVCC=$1
cmake=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
backend=cuda
. "$here/build.sh"

# ---- the folder ----
mkdir -p "$work/nccl/lib" "$work/nccl/include" "$work/project"
file=$(readlink -f "$(library_file libnccl.so)") || exit 77
headers=$(header_folders nccl.h libnccl.so | head -1)
[ -n "$headers" ] || { echo "there is no nccl.h beside $file"; exit 77; }
ln -s "$file" "$work/nccl/lib/libnccl.so.2"
ln -s "$headers/nccl.h" "$work/nccl/include"

# ---- CMake finds it, a program links and starts ----
cat >"$work/project/CMakeLists.txt" <<PROJECT
cmake_minimum_required(VERSION 3.24)
project(names LANGUAGES C)
list(APPEND CMAKE_MODULE_PATH $root/kernels/cuda)
find_package(NCCL 2 REQUIRED)
message(STATUS "found \${NCCL_LIBRARY}, NCCL \${NCCL_VERSION};")
add_executable(nccl nccl.c)
target_include_directories(nccl SYSTEM PRIVATE $(dirname "$nvcc")/../include) # its header's own includes
target_link_libraries(nccl PRIVATE NCCL::nccl)
PROJECT
cat >"$work/project/nccl.c" <<'PROGRAM'
#include <nccl.h>

#include <stdio.h>

int main(void)
{
    int version = 0;
    ncclResult_t result = ncclGetVersion(&version);

    printf("NCCL %d.%d.%d\n", version / 10000, version / 100 % 100, version % 100);
    return result == ncclSuccess && version == NCCL_VERSION_CODE ? 0 : 1;
}
PROGRAM
said=$("$cmake" -S "$work/project" -B "$work/project/build" -DNCCL_ROOT="$work/nccl" 2>&1 &&
    "$cmake" --build "$work/project/build" 2>&1) || { echo "$said"; exit 1; }
started=$(env -u LD_LIBRARY_PATH "$work/project/build/nccl") || { echo "the library is not its header's: $started"; exit 1; }
case $said in
*"found $work/nccl/lib/libnccl.so.2, $started;"*) echo "$started" ;;
*) echo "wanted libnccl.so.2 of $started: $said"; exit 1 ;;
esac
