#!/usr/bin/env bash
# The two commands of the README:
#   ./bootstrap.sh demo   builds prunelora and runs a first sweep on generated images
#   ./bootstrap.sh test   builds and runs every test, plainly and under the sanitizers
# Installs what is missing on Debian and Ubuntu when it may (root or sudo), else says what to install: docs/install.md.
set -euo pipefail
cd "$(dirname "$0")"

# What must be there: Debian's packages | what it is | how it is found, one of these being enough. The floors are CMake's.
build_needs=(
    'gcc libc6-dev      | C compiler (C11, OpenMP)         | compile:cc'
    'cmake              | CMake 3.24 or later              | version:cmake:3.24'
    'ninja-build        | Ninja                            | command:ninja'
    'pkg-config         | pkg-config                       | command:pkg-config'
    'libopenmpi-dev     | MPI compiler, Open MPI or MPICH  | command:mpicc'
    'openmpi-bin        | mpirun                           | command:mpirun'
    'libhdf5-dev        | HDF5 1.10 or later               | module:hdf5>=1.10 command:h5cc header:hdf5.h'
    'libyaml-dev        | libyaml 0.2.5 or later           | module:yaml-0.1>=0.2.5'
    'libdnnl-dev        | oneDNN 2.6 to 3                  | header:oneapi/dnnl/dnnl.h'
    'libzip-dev         | libzip 1.7 or later              | module:libzip>=1.7'
    'libcjson-dev       | cJSON 1.7.15 or later            | module:libcjson>=1.7.15'
    'libsvm-dev         | libsvm 3.24 or later             | header:libsvm/svm.h'
    'nettle-dev         | Nettle 3.8 or later              | module:nettle>=3.8'
    'libjpeg-dev        | libjpeg-turbo                    | module:libjpeg header:jpeglib.h'
    'libpng-dev         | libpng 1.6 or later              | module:libpng>=1.6'
    'zlib1g-dev         | zlib                             | module:zlib header:zlib.h'
)
test_needs=(
    'g++                | C++ compiler (C++17)             | compile:c++'
    'libcmocka-dev      | CMocka 1.1.5 or later            | module:cmocka>=1.1.5'
    'git                | git                              | command:git'
    'python3            | Python 3.11 or later             | command:python3'
)
all_tests_needs=(
    'clang              | clang                            | command:clang'
    'libclang-rt-dev    | sanitizers of clang              | clang:-fsanitize=address,undefined'
    'libomp-dev         | OpenMP of clang                  | clang:-fopenmp'
    'clang-tidy         | clang-tidy                       | command:run-clang-tidy'
    'clang-format       | clang-format                     | command:clang-format'
    'python3-numpy      | NumPy                            | python:numpy'
    'python3-h5py       | h5py                             | python:h5py'
    'python3-pandas     | pandas                           | python:pandas'
    'python3-pil        | Pillow                           | python:PIL'
    'python3-torch      | PyTorch                          | python:torch'
)
mpich_packages=(mpich libmpich-dev)
slurm_packages=(munge slurmctld slurmd slurm-client)

usage() {
    cat <<'END'
usage: ./bootstrap.sh demo | test [ctest option...] | install [test] | build
  demo      build, generate data, train a base model, run 18 unlearning runs, print the table
  test      build and run the tests, plainly and under ASan and UBSan; with options of ctest (-L unit, -R plan)
            only those tests, plainly
  install   only install what building needs; with `test`, what all tests need as well
  build     only build: build/prunelora
END
}

say() { printf '\n== %s\n' "$*"; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# ---- what is there ----
compiles() { echo "int main(void) { return 0; }" | "$@" -o /dev/null - >/dev/null 2>&1; }

has_header() {
    local folder options=()
    for folder in $(tr ':;' '  ' <<<"${CMAKE_PREFIX_PATH:-}") ${ONEDNN_ROOT:-} ${LIBSVM_ROOT:-} ${HDF5_ROOT:-}; do
        options+=("-I$folder/include")
    done
    echo "#include <$1>" | "${CC:-cc}" -E "${options[@]}" - >/dev/null 2>&1
}

has_version() {
    local found
    found=$("$1" --version 2>/dev/null | grep -o -m 1 '[0-9][0-9.]*' | head -n 1) || return 1
    [ "$(printf '%s\n' "$2" "$found" | sort -V | head -n 1)" = "$2" ]
}

# The interpreter that the tests use is the system's own, where it has one.
has_python() {
    local python=/usr/bin/python3
    [ -x $python ] || python=python3
    $python -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" 2>/dev/null
}

has() {
    local what=${1#*:}
    case "$1" in
    command:*) command -v "$what" >/dev/null ;;
    compile:cc) compiles "${CC:-cc}" -fopenmp -x c ;;
    compile:c++) compiles "${CXX:-c++}" -x c++ ;;
    clang:*) compiles clang "$what" -x c ;;
    version:*) has_version "${what%:*}" "${what#*:}" ;;
    module:*) pkg-config --exists "${what/>=/ >= }" 2>/dev/null ;;
    header:*) has_header "$what" ;;
    python:*) has_python "$what" ;;
    esac
}

# is_met NEED: one of its ways to be found finds it
is_met() {
    local way
    for way in ${1##*|}; do
        has "$way" && return 0
    done
    return 1
}

# ---- what is not ----
as_root=()
may_install() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] && return 0
    as_root=(sudo)
    command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

install_packages() {
    say "installing: $*"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# unmet NEED...: those that are not there, one a line
unmet() {
    local need
    for need in "$@"; do
        is_met "$need" || echo "$need"
    done
}

# see_to NEED...: installs what is not there, or says what is missing and ends
see_to() {
    local needs packages
    needs=$(unmet "$@")
    [ -n "$needs" ] || return 0
    if may_install; then
        mapfile -t packages < <(cut -d '|' -f 1 <<<"$needs" | tr -s ' ' '\n' | grep .)
        install_packages "${packages[@]}"
        needs=$(unmet "$@")
        [ -n "$needs" ] || return 0
    fi
    echo "these are missing, and this account cannot install them; ask for them, or see docs/install.md:" >&2
    sed -E 's/^([^|]*[^ |]) *\| *([^|]*[^ |]) *\|.*/  \2: in Debian \1/' <<<"$needs" >&2
    exit 3
}

# For some tests, which start their own daemons. Where systemd runs, the packages would start services of the machine:
# that is not a test's to decide.
install_slurm() {
    local package missing=()
    for package in "${slurm_packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ -d /run/systemd/system ] || ! may_install || ! install_packages "${missing[@]}"; then
        echo "going on without: the tests of slurm/*.sbatch are skipped; they need: apt-get install ${slurm_packages[*]}"
    fi
}

# For one test: the same program with the other MPI. Debian leaves mpirun and mpicc to Open MPI.
install_mpich() {
    command -v mpicc.mpich >/dev/null && return 0
    if ! may_install || ! install_packages "${mpich_packages[@]}"; then
        echo "going on without: the test of MPICH is skipped; it needs: apt-get install ${mpich_packages[*]}"
    fi
}

# build FOLDER TARGET [cmake option...]
build() {
    local folder=$1 target=$2
    shift 2
    say "building in $folder"
    mkdir -p "$folder"
    cmake -S . -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1 || {
        cat "$folder/configure.log" >&2
        exit 3
    }
    cmake --build "$folder" --target "$target"
}

# The launcher of the MPI that was built with; as root and on few cores it needs to be told that this is meant. Ranks of one
# machine share memory, by what Open MPI 4 and 5 both call vader: 5 would look for a network as well and complain of IPv6.
mpi() {
    OMPI_MCA_btl=self,vader tests/mpi/launch.sh "$(sed -n 's/^MPIEXEC_EXECUTABLE:[A-Z]*=//p' build/CMakeCache.txt)" "$@"
}

build_program() {
    see_to "${build_needs[@]}"
    build build prunelora -DPRUNELORA_TESTS=OFF
}

demo() {
    build_program
    local prunelora=build/prunelora
    say "what was built with what"
    $prunelora --version --verbose
    if [ ! -e data/synth/test_batch.bin ]; then
        say "generating images: data/synth"
        $prunelora data synth --out data/synth --train 3000 --test 600
    fi
    if [ ! -e model_weights/demo.h5.json ]; then
        say "training a base model: model_weights/demo.h5"
        $prunelora train sweeps/base/demo.yaml --out model_weights/demo.h5 --force # a start before left no manifest
    fi
    say "the sweep: sweeps/demo.yaml"
    $prunelora plan sweeps/demo.yaml
    mpi -n 2 $prunelora sweep sweeps/demo.yaml
    say "results: results/demo"
    $prunelora report results/demo
    cat <<'END'

  build/prunelora report results/demo --format csv     for a spreadsheet or pandas
  results/demo/results.h5                              for h5py: pandas.DataFrame(h5py.File(p)["runs"][:])
END
}

# What took how long: on busy cores the processors' time says more than the clock.
part='' part_start=0 part_cpu=0 parts=()
cpu_ticks() { awk '{print $16 + $17}' "/proc/$$/stat"; } # of all children that ended
begin() {
    local cpu
    cpu=$(cpu_ticks)
    [ -z "$part" ] || parts+=("$((SECONDS - part_start)) $(((cpu - part_cpu) / $(getconf CLK_TCK))) $part")
    part=$1 part_start=$SECONDS part_cpu=$cpu
}

report_times() {
    begin ''
    say "how long it took: seconds by the clock, of processor time"
    printf '%s\n' "${parts[@]}" | awk '{printf "%6d %6d  ", $1, $2; $1 = $2 = ""; print substr($0, 3)}'
    say "the ten longest tests, in seconds by the clock"
    awk -F'"' '/<testcase name=/ {split(FILENAME, at, "/"); printf "%8.1f  %s (%s)\n", $6, $2, at[2]}' \
        build/*/tests.xml 2>/dev/null | sort -rn | head -n 10 || true
}

# run_ctest FOLDER [ctest option...]
run_ctest() {
    local folder=$1
    shift
    ctest --test-dir "$folder" --output-on-failure -j2 --output-junit tests.xml "$@"
}

# install_for [test]
install_for() {
    case "${1:-}" in
    '') see_to "${build_needs[@]}" ;;
    test)
        see_to "${build_needs[@]}" "${test_needs[@]}" "${all_tests_needs[@]}"
        install_slurm
        install_mpich
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
}

# run_some_tests CTEST_OPTION...
run_some_tests() {
    see_to "${build_needs[@]}" "${test_needs[@]}"
    build build/test all
    run_ctest build/test "$@"
}

run_tests() {
    rm -f build/*/tests.xml
    trap report_times EXIT # however it ends
    begin install
    install_for test
    begin build
    build build/test all
    begin tests
    say "tests"
    run_ctest build/test
    begin "build with clang and sanitizers"
    say "with clang, under AddressSanitizer and UndefinedBehaviorSanitizer"
    # without nvcc's part, which no sanitizer looks into and which was built above
    CC=clang CXX=clang++ build build/sanitize-clang all -DPRUNELORA_SANITIZE=ON -DPRUNELORA_CUDA=OFF
    begin "tests under sanitizers"
    run_ctest build/sanitize-clang -LE 'lint|slow|golden' # golden: numbers, of code that other tests run here too
}

case "${1:-}" in
demo) demo ;;
test) if [ $# -gt 1 ]; then run_some_tests "${@:2}"; else run_tests; fi ;;
install) install_for "${2:-}" ;;
build) build_program ;;
-h | --help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
