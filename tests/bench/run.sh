#!/bin/sh
# Training and evaluation speed against PyTorch on the same cores, by turns.
#   tests/bench/run.sh BUILD_FOLDER [--quick] [--newest] [--only=ARCH]
# --newest measures the newest PyTorch that pip finds as well, installed into BUILD_FOLDER/newest-pytorch.
# Results so far are kept in BUILD_FOLDER/bench.jsonl, so that a call that was cut short goes on;
# delete the file to measure anew. Threads: OMP_NUM_THREADS, or 2.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 BUILD_FOLDER [--quick] [--newest] [--only=ARCH]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
pythons=/usr/bin/python3 # Debian's own Python has Debian's PyTorch
"$pythons" -c 'import torch, h5py' 2>/dev/null || { echo "PyTorch and h5py are missing: apt install python3-torch python3-h5py" >&2; exit 77; }
case " $* " in *" --newest "*)
    newest=$build/newest-pytorch
    [ -x "$newest/bin/python" ] || python3 -m venv "$newest"
    "$newest/bin/python" -c 'import torch, h5py' 2>/dev/null || "$newest/bin/pip" install --quiet torch h5py
    pythons="$pythons $newest/bin/python" ;;
esac
file=bench.jsonl quick=
case " $* " in *" --quick "*) file=bench-quick.jsonl quick=--quick ;; esac
for option; do case $option in --only=*) quick="$quick $option" ;; esac; done
cmake --build "$build" --target bench_steps bench_ceiling >/dev/null
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-10000}" # as the program sets it for itself; both sides have libgomp
echo "$(date -u +%F), commit $(git -C "$here" rev-parse --short HEAD), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
     "$OMP_NUM_THREADS threads"
# shellcheck disable=SC2086 # a list of programs
exec /usr/bin/python3 "$here/compare.py" "$build/tests/bench" "$build/$file" $pythons $quick
