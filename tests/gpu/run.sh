#!/bin/bash
# Everything that only a GPU can show, on a machine with CUDA, cuDNN 9 and a C compiler, without MPI,
# HDF5, oneDNN and CMake:
#   tests/gpu/run.sh WORK_FOLDER [PIECE...]
# Pieces, in this order: build gpu kernels convolutions sanitizer twice curves speed. Without names: those that
# WORK_FOLDER does not hold a result of yet, so that a call that was cut short goes on. Each leaves
# WORK_FOLDER/PIECE.log and a line in WORK_FOLDER/report.txt. Exit code: 0 all well, 1 something failed,
# 77 there is no GPU, or nothing to build with (the reason is printed).
# NVCC, CC, CUDNN_ROOT and PYTHON (with PyTorch, for the other side of `speed`) say where things are.
set -u
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1" || exit 2
work=$(cd "$1" && pwd)
shift
pieces=(build gpu kernels convolutions sanitizer twice curves speed)
nvcc=${NVCC:-$(command -v nvcc || true)}
cc=${CC:-cc}
python=${PYTHON:-python3}
export PRUNELORA_CUDA_MODULE=$work/libprunelora_cuda.so
methods="finetune prune_finetune lora prune_lora"

# ---- building ----

base=("$root"/src/base/{arena,clock,log,random,status,text}.c)
includes=(-I"$root" -I"$root/src" -I"$root/tests" -I"$here/bare" ${CUDNN_ROOT:+-I"$CUDNN_ROOT/include"})
c_flags=(-std=c11 -D_GNU_SOURCE -O2 -g -fPIC -ffp-contract=off)
cuda_flags=(-std=c++17 -O3 -lineinfo -Xcompiler -fPIC,-fvisibility=hidden
            -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90
            -gencode arch=compute_90,code=compute_90 -Xptxas -v)

# compile SOURCE...: one object each in $work/objects, all processors at work
compile() {
    local jobs source object
    jobs=$(nproc)
    for source in "$@"; do
        object=$work/objects/$(echo "${source#"$root"/}" | tr '/.' '__').o
        echo "$object"
        {
            case $source in
            *.cu) "$nvcc" "${cuda_flags[@]}" "${includes[@]}" -c "$source" -o "$object" ;;
            */kernels/cuda/*) "$cc" "${c_flags[@]}" -fvisibility=hidden "${includes[@]}" -I"$cuda_include" -c "$source" -o "$object" ;;
            *) "$cc" "${c_flags[@]}" "${includes[@]}" -c "$source" -o "$object" ;;
            esac || touch "$work/objects/failed"
        } >&2 &
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    done
    wait
}

piece_build() {
    local module program common
    rm -rf "$work/objects"
    mkdir -p "$work/objects"
    cuda_include=$(cd "$(dirname "$nvcc")/../include" && pwd)
    mapfile -t module < <(compile "$root"/kernels/cuda/*.c "$root"/kernels/cuda/*.cu)
    mapfile -t common < <(compile "${base[@]}" "$root"/kernels/*.c "$root"/kernels/ref/*.c \
                                  "$root"/src/graph/*.c "$root"/src/model/*.c "$root"/src/train/{optimizer,tally,step_end}.c \
                                  "$here/bare/bare.c")
    mapfile -t program < <(compile "$root"/tests/kernels/{main,tables,inputs,numbers,execution,expectation,gradient,check,bench,image_gather,conv2d,convert,linear,batch_norm,relu,add,pool,shortcut_pad,dropout,softmax_cross_entropy,clip_scale,step_tally,optimizer,patch_tokens,layer_norm,gelu,attention,columns}.c \
                                   "$root"/tests/support/{poison,random_stream}.c "$here"/{steps,convolutions}.c)
    [ ! -e "$work/objects/failed" ] || { echo "something does not compile"; return 1; }
    "$nvcc" -shared -Xcompiler -fPIC -o "$PRUNELORA_CUDA_MODULE" "${module[@]}" \
        ${CUDNN_ROOT:+-L"$CUDNN_ROOT/lib" -Xlinker -rpath="$CUDNN_ROOT/lib"} -lcudnn -lcublasLt -cudart static || return 1
    local tests=() name
    for name in "${program[@]}"; do
        case $name in *tests_gpu_*) ;; *) tests+=("$name") ;; esac
    done
    "$cc" -rdynamic -o "$work/test_kernels" "${tests[@]}" "${common[@]}" -ldl -lm || return 1
    for name in steps convolutions; do
        "$cc" -rdynamic -o "$work/gpu_$name" "$work/objects/tests_gpu_${name}_c.o" "${common[@]}" -ldl -lm || return 1
    done
    echo "built"
}

# ---- running ----

# A GPU, or 77 with the reason: the smallest run says it.
piece_gpu() {
    "$work/gpu_steps" cuda resnet20 finetune 2 3
}

piece_kernels() {
    "$work/test_kernels" --only cuda
}

piece_convolutions() {
    "$work/gpu_convolutions" cuda 128 && "$work/gpu_convolutions" cuda 128 tf32 &&
        "$work/gpu_convolutions" cuda 128 bf16 && "$work/gpu_convolutions" cuda 72
}

piece_sanitizer() {
    local tool sanitizer precision
    sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$nvcc")/compute-sanitizer")
    [ -x "$sanitizer" ] || { echo "compute-sanitizer is missing"; return 77; }
    for tool in memcheck racecheck initcheck synccheck; do
        for precision in "" bf16; do
            "$sanitizer" --tool "$tool" --error-exitcode 1 "$work/gpu_steps" cuda resnet20 prune_lora 8 4 $precision ||
                return 1
        done
    done
}

piece_twice() {
    local arch method precision
    for arch in resnet20 resnet18 resnet50; do
        for method in $methods; do
            for precision in "" bf16; do
                "$work/gpu_steps" cuda $arch "$method" 32 20 $precision >"$work/once.json" || return 1
                "$work/gpu_steps" cuda $arch "$method" 32 20 $precision >"$work/again.json" || return 1
                cmp "$work/once.json" "$work/again.json" || { echo "$arch $method $precision: not the same bits"; return 1; }
                echo "ok $arch $method $precision: same bits twice"
            done
        done
    done
}

piece_curves() {
    command -v "$python" >/dev/null || { echo "no $python to compare curves with"; return 77; }
    "$python" "$here/curves.py" "$work/gpu_steps" "$here/curves.json"
}

piece_speed() {
    local arch method precision
    for precision in "" tf32 bf16; do
        for arch in resnet20 resnet50; do
            for method in $methods; do
                echo "$("$work/gpu_steps" cuda $arch "$method" 128 300 time $precision) $precision" || return 1
            done
        done
    done
    if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
        "$python" "$here/pytorch.py" resnet20 128 && "$python" "$here/pytorch.py" resnet50 128
    else
        echo "no PyTorch with CUDA: only our side was measured"
    fi
}

# ---- all of it ----

run_piece() {
    local name=$1 began=$SECONDS code
    "piece_$name" >"$work/$name.log" 2>&1
    code=$?
    case $code in
    0) touch "$work/$name.done"; verdict=ok ;;
    77) verdict="skipped: $(tail -1 "$work/$name.log")" ;;
    *) verdict="FAILED, see $work/$name.log: $(tail -1 "$work/$name.log")" ;;
    esac
    echo "$name: $verdict ($((SECONDS - began)) s)" | tee -a "$work/report.txt"
    return $code
}

[ -n "$nvcc" ] && [ -x "$nvcc" ] || { echo "no nvcc: put it into PATH, or say where it is in NVCC"; exit 77; }
wanted=("$@")
if [ ${#wanted[@]} -eq 0 ]; then
    for name in "${pieces[@]}"; do
        [ -e "$work/$name.done" ] || wanted+=("$name")
    done
fi
result=0
for name in "${wanted[@]}"; do
    [ "$(type -t "piece_$name")" = function ] || { echo "no piece '$name'; there are: ${pieces[*]}"; exit 2; }
    run_piece "$name"
    code=$?
    case $name in build | gpu) [ $code -eq 0 ] || exit $code ;; esac # nothing else can run
    [ $code -eq 0 ] || [ $code -eq 77 ] || result=1
done
exit $result
