#!/bin/bash
# Builds, on a machine with nvcc and cuDNN 9 but without a GPU, what run.sh needs on one with a GPU, which may
# lack everything but its driver and CUDA's libraries:
#   tests/gpu/pack.sh [--host] FOLDER
# FOLDER, at most 64 MiB, holds the module, the programs and a list of what they were built of. --host: without
# CUDA, on the substitute of a GPU that the tests have, so that run.sh itself can be tested.
set -u
backend=cuda
if [ "${1:-}" = --host ]; then
    backend=cuda_host
    shift
fi
[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1" || exit 2
work=$(cd "$1" && pwd)
. "$here/build.sh"

parts=(programs)
if [ $backend = cuda ]; then
    [ -n "$nvcc" ] && [ -x "$nvcc" ] || { echo "no nvcc: put it into PATH, or say where it is in NVCC"; exit 77; }
    parts=(module programs)
fi
build "${parts[@]}" || exit 1
echo $backend >"$work/backend"
kib=$(du -sk "$work" | cut -f1)
echo "packed for $backend: $kib KiB in $work"
[ "$kib" -le 65536 ] || { echo "that is more than the 65536 KiB that travel"; exit 1; }
