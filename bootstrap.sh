#!/usr/bin/env bash
# The two commands of the README:
#   ./bootstrap.sh demo   builds prunelora and runs a first sweep on generated images
#   ./bootstrap.sh test   builds and runs every test, plainly and under the sanitizers
# Installs what is missing on Debian and Ubuntu when it may (root or sudo), else says what to install.
set -euo pipefail
cd "$(dirname "$0")"

build_packages=(gcc cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libyaml-dev
                libdnnl-dev libzip-dev libcjson-dev libjpeg62-turbo-dev libpng-dev libsvm-dev nettle-dev zlib1g-dev)
test_packages=(g++ clang clang-tidy clang-format libclang-rt-14-dev libomp-14-dev libcmocka-dev git python3
               python3-numpy python3-h5py python3-pandas python3-pil python3-torch)
slurm_packages=(munge slurmctld slurmd slurm-client)

usage() {
    echo "usage: ./bootstrap.sh demo | test"
    echo "  demo   build, generate data, train a base model, run 18 unlearning runs, print the table"
    echo "  test   build and run the tests, plainly and under ASan and UBSan"
}

say() { printf '\n== %s\n' "$*"; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_missing() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        echo "not a Debian system: please see to it that these exist: $*" >&2
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            echo "these packages are missing and this account may not install them; ask for:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            exit 3
        fi
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# For one test, which starts its own daemons. Where systemd runs, the packages would start services of the machine:
# that is not a test's to decide.
install_slurm() {
    local package
    if [ -d /run/systemd/system ]; then
        for package in "${slurm_packages[@]}"; do
            is_installed "$package" && continue
            echo "the test of slurm/one_node.sbatch is skipped; it needs: apt-get install ${slurm_packages[*]}"
            return 0
        done
    fi
    (install_missing "${slurm_packages[@]}") || echo "going on without: the test of slurm/one_node.sbatch is skipped"
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

# mpirun as root and on few cores needs to be told that this is meant
mpi() {
    local options=(--oversubscribe --bind-to none)
    [ "$(id -u)" -eq 0 ] && options+=(--allow-run-as-root)
    mpirun "${options[@]}" "$@"
}

demo() {
    install_missing "${build_packages[@]}"
    build build prunelora -DPRUNELORA_TESTS=OFF
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

run_tests() {
    rm -f build/*/tests.xml
    trap report_times EXIT # however it ends
    begin install
    install_missing "${build_packages[@]}" "${test_packages[@]}"
    install_slurm
    begin build
    build build/test all
    begin tests
    say "tests"
    run_ctest build/test
    begin "build with clang and sanitizers"
    say "with clang, under AddressSanitizer and UndefinedBehaviorSanitizer"
    CC=clang CXX=clang++ build build/sanitize-clang all -DPRUNELORA_SANITIZE=ON
    begin "tests under sanitizers"
    run_ctest build/sanitize-clang -LE 'lint|slow|golden' # golden: numbers, of code that other tests run here too
}

case "${1:-}" in
demo) demo ;;
test) run_tests ;;
-h | --help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
