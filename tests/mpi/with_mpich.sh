#!/usr/bin/env bash
# with_mpich.sh SOURCES FOLDER [cmake option...]: builds in FOLDER against MPICH what starts ranks, and tests that.
# Exits 77 where MPICH is not installed beside another MPI, as Debian does it: with names that end in .mpich.
set -euo pipefail

sources=$1 folder=$2
shift 2
for name in mpicc.mpich mpiexec.mpich; do
    command -v "$name" >/dev/null || {
        echo "skipped: no $name in PATH (Debian: libmpich-dev mpich)"
        exit 77
    }
done
cmake -S "$sources" -B "$folder" -G Ninja -DMPI_EXECUTABLE_SUFFIX=.mpich -DPRUNELORA_CUDA=OFF "$@"
cmake --build "$folder" --target prunelora dispatch_driver fake_trainer test_mpi_dealing test_mpi_faults
ctest --test-dir "$folder" --output-on-failure -R '^(mpi_dealing|mpi_faults|program_ranks|program_operate|program_doctor)'
