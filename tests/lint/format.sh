#!/bin/sh
# Every source is as clang-format would write it. Exits 77 where clang-format is missing.
cd "$1" || exit 1
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed"; exit 77; }
find src kernels tests \( -name '*.[ch]' -o -name '*.cu' \) -print0 | xargs -0 clang-format --dry-run --Werror
