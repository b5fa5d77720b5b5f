# Builds what a machine with a GPU needs, without CMake, MPI, HDF5, oneDNN and CMocka; read by pack.sh
# and run.sh with $here, $root and $work set. $work/objects holds what was compiled.
# NVCC, CC, CXX, PYTHON and CUDNN_ROOT say where things are.
nvcc=${NVCC:-$(command -v nvcc || true)}
read -ra cc <<<"${CC:-cc}"
read -ra cxx <<<"${CXX:-c++}"
python=${PYTHON:-python3}

includes=(-I"$root" -I"$root/src" -I"$root/tests" -I"$here/bare")
c_flags=(-std=c11 -D_GNU_SOURCE -O2 -g -fPIC -ffp-contract=off -fmacro-prefix-map="$root/=")
cxx_flags=(-x c++ -std=c++17 -D_GNU_SOURCE -O2 -g -ffp-contract=off)
cuda_flags=(-std=c++17 -O3 -lineinfo -Xcompiler -fPIC,-fvisibility=hidden
            -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90
            -gencode arch=compute_90,code=compute_90)

# ---- CUDA's libraries ----
# Where they come from Python's wheels there are versioned names only, libcudnn.so.9, and a folder for each.

library_folders() { # in which they are looked for, the nearest first
    local folder
    if [ -n "${CUDNN_ROOT:-}" ]; then printf '%s\n' "$CUDNN_ROOT/lib" "$CUDNN_ROOT/lib64"; fi
    if [ -n "$nvcc" ]; then printf '%s\n' "$(dirname "$nvcc")/../lib64" "$(dirname "$nvcc")/../lib"; fi
    "$python" -c 'import nvidia; print(*nvidia.__path__, sep="\n")' 2>/dev/null | while read -r folder; do
        printf '%s\n' "$folder"/*/lib
    done
    printf '%s\n' /usr/local/cuda/lib64 /usr/lib/x86_64-linux-gnu /usr/lib64
}

# library_file NAME.so: its file under the plain name or a versioned one
library_file() {
    local folder file
    while read -r folder; do
        for file in "$folder/$1" "$folder/$1".[0-9]*; do
            if [ -e "$file" ]; then
                echo "$(cd "$folder" && pwd)/$(basename "$file")"
                return
            fi
        done
    done < <(library_folders)
    echo "there is no $1 in: $(library_folders | tr '\n' ' ')" >&2
    return 1
}

header_folders() { # HEADER LIBRARY: those that hold the header, which may be beside its library
    local folder library
    library=$(library_file "$2") || return
    for folder in ${CUDNN_ROOT:+"$CUDNN_ROOT/include"} "$(dirname "$library")/../include" "$(dirname "$nvcc")/../include"; do
        if [ -e "$folder/$1" ]; then echo "$folder"; fi
    done
}

# ---- compiling and linking ----

# compile SOURCE...: prints one object each, in $work/objects; all processors at work
compile() {
    local source object
    for source in "$@"; do
        object=$work/objects/$(echo "${source#"$root"/}" | tr '/.' '__').o
        echo "$object"
        {
            case $source in
            *.cu) if [ "$backend" = cuda ]; then
                      "$nvcc" "${cuda_flags[@]}" "${includes[@]}" -c "$source" -o "$object"
                  else
                      "${cxx[@]}" "${cxx_flags[@]}" "${includes[@]}" -c "$source" -o "$object"
                  fi ;;
            */kernels/cuda/*) "${cc[@]}" "${c_flags[@]}" -fvisibility=hidden "${includes[@]}" "${cuda_includes[@]}" -c "$source" -o "$object" ;;
            *) "${cc[@]}" "${c_flags[@]}" "${includes[@]}" -c "$source" -o "$object" ;;
            esac || touch "$work/objects/failed"
        } >&2 &
        while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    done
    wait
}

# link_module OUT OBJECT...: by the names that are there, with their folders as places to look in
link_module() {
    local out=$1 cudnn cublas
    shift
    cudnn=$(library_file libcudnn.so) || return
    cublas=$(library_file libcublasLt.so) || return
    "${cc[@]}" -shared -o "$out" "$@" -Wl,--as-needed "$cudnn" "$cublas" -Wl,-rpath,"$(dirname "$cudnn"):$(dirname "$cublas")" \
        -L"$(dirname "$nvcc")/../lib64" -L"$(dirname "$nvcc")/../lib" -lcudart_static -lstdc++ -ldl -lrt -lpthread
}

cuda_includes=()

build_module() {
    local objects folder
    while read -r folder; do cuda_includes+=(-I"$folder"); done < <(header_folders cudnn_version.h libcudnn.so)
    cuda_includes+=(-I"$(dirname "$nvcc")/../include")
    mapfile -t objects < <(compile "$root"/kernels/cuda/{,real/}*.c "$root"/kernels/cuda/kernels/*.cu)
    if [ -e "$work/objects/failed" ]; then
        echo "the module does not compile"
        return 1
    fi
    link_module "$work/libprunelora_cuda.so" "${objects[@]}"
}

build_programs() {
    local common substitute=() objects name linker=("${cc[@]}")
    mapfile -t common < <(compile "$root"/src/base/{arena,clock,file,log,memory,normal,random,status,text}.c "$root"/kernels/*.c \
                                  "$root"/kernels/ref/*.c "$root"/src/graph/*.c "$root"/src/model/*.c \
                                  "$root"/src/train/step/{optimizer,tally,step_end}.c "$here/bare/bare.c")
    if [ "$backend" = cuda_host ]; then
        linker=("${cxx[@]}")
        mapfile -t substitute < <(compile "$root"/kernels/cuda/{,host/}*.c "$root"/kernels/cuda/kernels/*.cu)
    fi
    mapfile -t objects < <(compile "$root"/tests/kernels/{main,tables,inputs,numbers,execution,expectation,gradient,check,bench,image_gather,conv2d,convert,linear,batch_norm,relu,add,pool,shortcut_pad,dropout,softmax_cross_entropy,clip_scale,step_tally,optimizer,patch_tokens,layer_norm,gelu,attention,columns}.c \
                                   "$root"/tests/support/{outcome,poison,random_stream}.c)
    compile "$here"/{steps,convolutions,shapes}.c >/dev/null
    if [ -e "$work/objects/failed" ]; then
        echo "a program does not compile"
        return 1
    fi
    "${linker[@]}" -rdynamic -o "$work/test_kernels" "${objects[@]}" "${common[@]}" "${substitute[@]}" -ldl -lm || return 1
    for name in steps convolutions; do
        objects=("$work/objects/tests_gpu_${name}_c.o")
        if [ $name = convolutions ]; then objects+=("$work/objects/tests_gpu_shapes_c.o"); fi
        "${linker[@]}" -rdynamic -o "$work/gpu_$name" "${objects[@]}" "${common[@]}" "${substitute[@]}" -ldl -lm || return 1
    done
}

# build [module] [programs]
build() {
    local part
    mkdir -p "$work/objects"
    rm -f "$work/objects/failed"
    for part in "$@"; do "build_$part" || return 1; done
    rm -rf "$work/objects"
}
