#!/bin/bash
# Everything that only a GPU can show, in ten minutes, on a machine with CUDA's libraries and little else:
#   tests/gpu/run.sh PACK WORK_FOLDER [PIECE...]
# PACK is what pack.sh built; what of it does not start here is built again, with nvcc. Pieces, ordered by what is
# learnt:
#   start steps kernels speed convolutions twice curves memcheck pytorch
# A piece is a list of steps of less than a minute. Each appends a line to WORK_FOLDER/report.txt as it ends, ok,
# skipped or FAILED, leaves WORK_FOLDER/logs/STEP.log, and is not done again: a call that was cut short goes on. With
# OUT set, report and logs are packed into two files there after every step. Naming a piece repeats its failed steps.
# START_SECONDS: how long building again may take (default 240).
# Exit code: 0 all well, 1 something failed, 77 there is no GPU (the reason is printed).
set -u
call=
if [ "${1:-}" = --call ]; then # a function of this file, as a process that can be ended
    call=yes
    shift
fi
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pack=$(cd "$1" && pwd) || exit 2
backend=$(cat "$pack/backend") || { echo "'$pack' is no pack: build one with pack.sh"; exit 2; }
mkdir -p "$2/logs" || exit 2
work=$(cd "$2" && pwd)
shift 2
pieces=(start steps kernels speed convolutions twice curves memcheck pytorch)
. "$here/build.sh"
most_seconds=59
methods="finetune prune_finetune lora prune_lora"

# ---- what is run: on a GPU what production does, on its substitute small shapes ----
if [ "$backend" = cuda ]; then
    archs="resnet20 resnet50 simple_vit"
    batch=128 n_timed=300 twice_batch=32 n_twice=20 curve_steps=1000 n_parts=4
    precisions=("" bf16)
    cells=("resnet20 lora bf16" "resnet50 lora bf16" "resnet50 finetune bf16" "resnet50 lora" "resnet20 prune_lora bf16")
    twice=(resnet20 resnet50)
    curves="resnet20 resnet50"
    operations=$("$pack/test_kernels" --list 2>/dev/null)
else
    archs=resnet20
    batch=1 n_timed=1 twice_batch=1 n_twice=2 curve_steps=1 n_parts=60
    precisions=(bf16)
    cells=("resnet20 lora bf16")
    twice=(resnet20)
    curves=
    operations="scale gelu_forward linear_forward" # of ours, a gap, the library's
fi

# ---- a step, the report and what comes back ----

pack_up() {
    if [ -n "${OUT:-}" ]; then
        cp "$work/report.txt" "$OUT/report.txt.new" && mv "$OUT/report.txt.new" "$OUT/report.txt"
        tar -C "$work" -czf "$OUT/logs.tar.gz.new" logs && mv "$OUT/logs.tar.gz.new" "$OUT/logs.tar.gz"
    fi
}

is_done() { # STEP, whose line the report ends with a name in brackets
    grep -q " \[$1\]\$" "$work/report.txt" 2>/dev/null
}

# step NAME COMMAND...: unless it is done. One write is what makes it so.
step() {
    local name=$1 began=$SECONDS code verdict last
    shift
    if is_done "$name"; then return 0; fi
    echo "$name" >>"$work/begun.txt"
    timeout -k 5 "$most_seconds" "$@" >"$work/logs/$name.log" 2>&1
    code=$?
    last=$(tail -1 "$work/logs/$name.log" | cut -c1-300)
    case $code in
    0) verdict=ok ;;
    77) verdict=skipped ;;
    124 | 137) verdict="FAILED, longer than $most_seconds s" ;;
    *) verdict="FAILED with $code" ;;
    esac
    echo "$verdict ($((SECONDS - began)) s): $last [$name]" | tee -a "$work/report.txt"
    pack_up
}

# As step, of a function below.
function_step() { # NAME FUNCTION ARGUMENT...
    local name=$1
    shift
    step "$name" "$0" --call "$pack" "$work" "$@"
}

# ---- the pieces ----

# What was packed, or built here because that did not start; CUDA's libraries lie where they may.
use_programs() {
    local folder path=
    programs=$pack
    if [ -e "$work/built/ready" ]; then programs=$work/built; fi
    while read -r folder; do
        if ls "$folder" 2>/dev/null | grep -q -e '^libcudnn\.so' -e '^libcublasLt\.so' -e '^libnvrtc\.so'; then path=$path:$folder; fi
    done < <(library_folders)
    export PRUNELORA_CUDA_MODULE=$programs/libprunelora_cuda.so LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}$path
}

first_step() { "$programs/gpu_steps" "$backend" resnet20 finetune 2 1; }

build_again() { # PART...: those beside them are the packed ones
    local work=$work/built
    mkdir -p "$work"
    cp "$pack"/* "$work" 2>/dev/null
    build "$@" && touch "$work/ready"
}

start() {
    local said code parts=(programs)
    said=$(first_step 2>&1)
    code=$?
    echo "$said"
    case "$code $said" in
    0\ *) return 0 ;;
    77\ *"module cannot be opened"*) parts=(module) ;;
    77\ *) return 77 ;;
    esac
    echo "what was packed does not start here: ${parts[*]} built again"
    if [ "$backend" = cuda ] && [ -z "$nvcc" ]; then
        echo "there is no nvcc to build with"
        return 1
    fi
    build_again "${parts[@]}" || return
    use_programs
    first_step
}
piece_start() {
    most_seconds=${START_SECONDS:-240} function_step start start
    use_programs
}

piece_steps() {
    local arch precision
    for arch in $archs; do
        for precision in "${precisions[@]}"; do
            if [ "$arch $precision" = "simple_vit bf16" ]; then continue; fi # its graph has no bf16 maps
            step "steps_${arch}_${precision:-fp32}" "$programs/gpu_steps" "$backend" "$arch" lora "$batch" 3 $precision report
        done
    done
}

piece_kernels() {
    local operation
    for operation in $operations; do
        step "kernels_$operation" "$programs/test_kernels" --only "$backend" --op "$operation"
    done
}

piece_speed() {
    local cell
    for cell in "${cells[@]}"; do
        set -- $cell
        step "speed_$1_$2_${3:-fp32}" "$programs/gpu_steps" "$backend" "$1" "$2" "$batch" "$n_timed" time ${3:-}
    done
}

# A process per precision and part, side by side; each has its log, so that a step that is repeated goes on.
convolutions() { # PRECISION
    local part code=0 jobs=()
    for part in $(seq 0 $((n_parts < 16 ? n_parts - 1 : 0))); do
        "$programs/gpu_convolutions" "$backend" "$batch" ${1/fp32/} part "$part" "$n_parts" log "$work/logs/convolutions_$1_$part.lines" &
        jobs+=($!)
    done
    for part in "${jobs[@]}"; do wait "$part" || code=$?; done
    cat "$work"/logs/convolutions_"$1"_*.lines | cut -d' ' -f1 | sort | uniq -c | tr '\n' ' '
    return $code
}
piece_convolutions() {
    local precision
    for precision in "${precisions[@]}"; do function_step "convolutions_${precision:-fp32}" convolutions "${precision:-fp32}"; done
}

same_twice() { # ARCH METHOD PRECISION
    local i
    for i in 1 2; do "$programs/gpu_steps" "$backend" "$1" "$2" "$twice_batch" "$n_twice" ${3/fp32/} >"$work/twice_$i.json" || return; done
    cmp "$work/twice_1.json" "$work/twice_2.json" && echo "same bits twice"
}
piece_twice() {
    local arch precision
    for arch in "${twice[@]}"; do
        for precision in "${precisions[@]}"; do
            function_step "twice_${arch}_${precision:-fp32}" same_twice "$arch" prune_lora "${precision:-fp32}"
        done
    done
}

piece_curves() {
    local arch method
    if ! command -v "$python" >/dev/null; then
        function_step curves skip "there is no $python to compare curves with"
        return
    fi
    step curves_rule "$python" "$here/curves_test.py" "$here/curves.json"
    for arch in $curves; do
        for method in $methods; do
            step "curves_${arch}_$method" "$python" "$here/curves.py" "$programs/gpu_steps" "$here/curves.json" \
                --backend "$backend" --only "$arch" "$method" --steps "$curve_steps"
        done
    done
}

skip() {
    echo "$1"
    return 77
}

our_kernels() { grep -ho '[a-z0-9_]*_kernel(' "$root"/kernels/cuda/kernels/*.cu | tr -d '(' | sort -u; }

# Our kernels alone: the libraries' are slow under it, and it finds fault with some that have none.
memcheck() { # PRECISION
    local sanitizer name option=--kernel-regex filters=()
    sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$nvcc")/compute-sanitizer")
    [ -x "$sanitizer" ] || { skip "compute-sanitizer is missing"; return; }
    if "$sanitizer" --help | grep -q -e --kernel-name; then option=--kernel-name; fi # its name since CUDA 12
    for name in $(our_kernels); do filters+=($option "kns=$name"); done
    "$sanitizer" --tool memcheck "${filters[@]}" --error-exitcode 1 "$programs/gpu_steps" "$backend" resnet20 prune_lora 8 3 ${1/fp32/}
}
piece_memcheck() {
    local precision
    for precision in "${precisions[@]}"; do function_step "memcheck_${precision:-fp32}" memcheck "${precision:-fp32}"; done
}

pytorch() {
    "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null || { skip "no PyTorch with CUDA: only our side was measured"; return; }
    "$python" "$here/pytorch.py" "$1" "$batch"
}
piece_pytorch() {
    local arch
    for arch in resnet50 resnet20; do function_step "pytorch_$arch" pytorch "$arch"; done
}

# ---- all of it ----

use_programs
if [ -n "$call" ]; then
    "$@"
    exit
fi
for name in "$@"; do
    [ "$(type -t "piece_$name")" = function ] || { echo "no piece '$name'; there are: ${pieces[*]}"; exit 2; }
    sed -i "/^FAILED.* \[$name/d" "$work/report.txt" 2>/dev/null
done
sed -i '/^ok.* \[start\]$/!{/ \[start\]$/d}' "$work/report.txt" 2>/dev/null # there may be a GPU now
piece_start # nothing else can run without
case $(grep ' \[start\]$' "$work/report.txt") in
ok*) ;;
skipped*) exit 77 ;;
*) exit 1 ;;
esac
wanted=("$@")
if [ $# -eq 0 ]; then wanted=("${pieces[@]}"); fi
for name in "${wanted[@]}"; do "piece_$name"; done
! grep '^FAILED' "$work/report.txt"
