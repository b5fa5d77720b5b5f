#!/bin/bash
# run.sh from end to end on the substitute of a GPU, killed once in every piece: what was finished is neither lost nor
# repeated, and it is all there at the end.
#   resume_test.sh WORK_FOLDER        CC and CXX as for pack.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" || exit 1
work=$(cd "$1" && pwd)
rm -rf "$work/run" "$work/out" "$work/interrupted.txt"
mkdir -p "$work/out"
touch "$work/interrupted.txt"
"$here/pack.sh" --host "$work/pack" || exit 1

# A compute-sanitizer that only notes what it is asked for.
mkdir -p "$work/bin"
cat >"$work/bin/compute-sanitizer" <<'SANITIZER'
#!/bin/bash
if [ "$1" = --help ]; then
    echo "  --kernel-name arg"
else
    echo "$*" >"$(dirname "$0")/asked.txt"
fi
SANITIZER
chmod +x "$work/bin/compute-sanitizer"
export PATH=$work/bin:$PATH

die() {
    echo "FAILED: $1"
    exit 1
}

run() { OUT=$work/out "$here/run.sh" "$work/pack" "$work/run" >"$work/run.log" 2>&1; }

last_begun() { tail -1 "$work/run/begun.txt" 2>/dev/null; }

# Starts it and ends all its processes as soon as a step of the piece has begun.
run_until() { # PIECE
    local session name
    OUT=$work/out setsid "$here/run.sh" "$work/pack" "$work/run" >"$work/run.log" 2>&1 &
    session=$!
    until name=$(last_begun) && [ "${name%%_*}" = "$1" ]; do
        kill -0 "$session" 2>/dev/null || die "it ended before piece '$1': $(cat "$work/run.log")"
        sleep 0.05
    done
    kill -KILL $(ps -o pid= -s "$session") 2>/dev/null
    wait "$session" 2>/dev/null
    name=$(last_begun)
    grep -q " \\[$name\\]\$" "$work/run/report.txt" 2>/dev/null || echo "$name" >>"$work/interrupted.txt"
    cp "$work/run/report.txt" "$work/before_$1.txt" 2>/dev/null || : >"$work/before_$1.txt"
}

pieces="start steps kernels speed convolutions twice curves memcheck pytorch"
for piece in $pieces; do run_until "$piece"; done
run || die "the last call ended with $?: $(cat "$work/run.log")"
[ "$(grep -c '^FAILED' "$work/run/report.txt")" = 0 ] || die "$(grep '^FAILED' "$work/run/report.txt")"

# ---- nothing lost, nothing repeated ----
for piece in $pieces; do
    cmp -s -n "$(stat -c %s "$work/before_$piece.txt")" "$work/before_$piece.txt" "$work/run/report.txt" ||
        die "lines of before the kill in '$piece' are not there any more"
    grep -q " \\[$piece" "$work/run/report.txt" || die "piece '$piece' is not in the report"
done
for name in $(sort -u "$work/run/begun.txt"); do
    times=$(grep -cx "$name" "$work/run/begun.txt")
    allowed=$((1 + $(grep -cx "$name" "$work/interrupted.txt")))
    [ "$times" = "$allowed" ] || die "step '$name' was begun $times times, wanted $allowed"
    [ "$(grep -c " \\[$name\\]\$" "$work/run/report.txt")" = 1 ] || die "step '$name' is not once in the report"
done
[ -z "$(cut -d' ' -f2 "$work"/run/logs/convolutions_*.lines | sort | uniq -d)" ] || die "a shape was checked twice"

# ---- memcheck of our kernels alone ----
asked=$(cat "$work/bin/asked.txt")
for words in "--tool memcheck" "--kernel-name kns=batch_norm_apply_kernel" "--kernel-name kns=channel_move_kernel"; do
    case $asked in *"$words "*) ;; *) die "compute-sanitizer was not asked for '$words': $asked" ;; esac
done

# ---- what comes back ----
cmp -s "$work/run/report.txt" "$work/out/report.txt" || die "the report that came back is not the last one"
[ "$(ls "$work/out" | wc -l)" = 2 ] || die "report and logs were to come back, not: $(ls "$work/out")"
lines=$(wc -l <"$work/run/begun.txt")
run || die "a call with nothing left to do ended with $?"
[ "$(wc -l <"$work/run/begun.txt")" = "$lines" ] || die "a call with nothing left to do began something"

# ---- programs that do not start ----
broken() { # EXIT_CODE: a pack whose program says nothing else
    rm -rf "$work/broken"
    cp -r "$work/pack" "$work/broken"
    printf '#!/bin/sh\necho "gpu_steps: made to end with %s"\nexit %s\n' "$1" "$1" >"$work/broken/gpu_steps"
}
rm -rf "$work/other"
broken 77
"$here/run.sh" "$work/broken" "$work/other" start >"$work/run.log" 2>&1
[ $? = 77 ] || die "without a GPU it ended with another code: $(cat "$work/run.log")"
"$here/run.sh" "$work/pack" "$work/other" start >"$work/run.log" 2>&1 || die "a GPU that came later was not used: $(cat "$work/run.log")"
rm -rf "$work/other"
broken 127
START_SECONDS=1000 "$here/run.sh" "$work/broken" "$work/other" start twice >"$work/run.log" 2>&1 || die "not built again: $(cat "$work/run.log")"
[ -e "$work/other/built/ready" ] || die "it went on without building again"

echo "$(wc -l <"$work/run/report.txt") steps, killed in $(echo $pieces | wc -w) pieces, interrupted: $(tr '\n' ' ' <"$work/interrupted.txt")"
