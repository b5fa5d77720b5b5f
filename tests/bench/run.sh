#!/bin/sh
# Training and evaluation speed against PyTorch on the same cores, by turns.
#   tests/bench/run.sh BUILD_FOLDER [--quick]
# Results so far are kept in BUILD_FOLDER/bench.jsonl, so that a call that was cut short goes on;
# delete the file to measure anew. Threads: OMP_NUM_THREADS, or 2.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 BUILD_FOLDER [--quick]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
python=/usr/bin/python3 # Debian's own Python has Debian's PyTorch
"$python" -c 'import torch, h5py' 2>/dev/null || { echo "PyTorch and h5py are missing: apt install python3-torch python3-h5py" >&2; exit 77; }
cmake --build "$build" --target bench_steps bench_ceiling >/dev/null
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-10000}" # as the program sets it for itself; both sides have libgomp
echo "$(date -u +%F), commit $(git -C "$here" rev-parse --short HEAD), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
     "$OMP_NUM_THREADS threads, PyTorch $("$python" -c 'import torch; print(torch.__version__)')"
file=bench.jsonl
case " $* " in *" --quick "*) file=bench-quick.jsonl ;; esac
exec "$python" "$here/compare.py" "$build/tests/bench" "$build/$file" "$@"
