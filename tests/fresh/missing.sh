#!/usr/bin/env bash
# Where nothing is there and nothing may be installed, bootstrap.sh names all that is missing, and ends with 3; what is there
# it does not name.
set -euo pipefail
bootstrap=$(cd "$(dirname "$0")/../.." && pwd)/bootstrap.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in bash cat cut dirname grep head sed sort tr; do # and no dpkg, no compiler
    ln -s "$(command -v $program)" "$folder/$program"
done

problems=0
# expect NAMED|SILENT WORD...: in the last output
expect() {
    local how=$1 word
    shift
    for word in "$@"; do
        local found=SILENT
        if grep -q -F "  $word" "$folder/output"; then found=NAMED; fi
        [ $found = "$how" ] || { echo "'$word' is $found, wanted $how"; problems=$((problems + 1)); }
    done
}

# install: with what the folder has
install() {
    local rc=0
    env -i PATH="$folder" "$folder/bash" "$bootstrap" install >"$folder/output" 2>&1 || rc=$?
    [ $rc -eq 3 ] || { echo "ends with $rc, wanted 3"; problems=$((problems + 1)); }
}

install
expect NAMED "C compiler" CMake Ninja pkg-config "MPI compiler" mpirun HDF5 libyaml oneDNN libzip cJSON libsvm Nettle \
    libjpeg libpng zlib
expect SILENT clang CMocka

printf '#!/bin/sh\necho "cmake version $VERSION"\n' >"$folder/fake"
for version in 3.22.1 3.9 2.8.12; do
    sed "s/\$VERSION/$version/" "$folder/fake" >"$folder/cmake" && chmod +x "$folder/cmake"
    install
    expect NAMED CMake
done
for version in 3.24 3.31.6 4.0.1; do
    sed "s/\$VERSION/$version/" "$folder/fake" >"$folder/cmake"
    install
    expect SILENT CMake
done
ln -s "$folder/cmake" "$folder/mpirun"
install
expect SILENT mpirun
expect NAMED "MPI compiler"
[ $problems -eq 0 ] || { cat "$folder/output"; exit 1; }
