#!/bin/sh
# clang-tidy over every source of the build: sizes of functions, and real bugs. Exits 77 where it is missing.
cd "$1" || exit 1
command -v run-clang-tidy >/dev/null || { echo "skipped: clang-tidy is not installed"; exit 77; }
run-clang-tidy -quiet -p "$2" "$1/(src|kernels)/.*\.c\$" 2>/dev/null >"$2/tidy.log"
result=$?
grep -E 'error:|warning:' "$2/tidy.log" | sort -u
[ "$result" -eq 0 ] || { echo "clang-tidy found something; the whole output is in $2/tidy.log"; exit 1; }
echo "clang-tidy: nothing to say about $(grep -c '^clang-tidy' "$2/tidy.log") files"
