#!/usr/bin/env bash
# The two commands of the README on a machine that has nothing but Debian's smallest system, git and certificates:
#   tests/fresh/run.sh SUITE [--short]     SUITE: bookworm or trixie
# Unpacks such a system into a folder of its own, clones HEAD into it, runs `./bootstrap.sh demo` and `./bootstrap.sh test`
# there and says what each took; --short installs and builds all, but runs a cut demo and the unit tests alone. Everything
# happens in namespaces of its own, whose mounts and processes end with them. Needs root, debootstrap and a mirror of
# Debian, which is the one of this machine's apt (or DEBIAN_MIRROR); exits 77 where one of them is missing.
set -euo pipefail
self=$(readlink -f "$0")
checkout=$(git -C "$(dirname "$self")" rev-parse --show-toplevel)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/prunelora/fresh
fresh_minutes=1500 # how old an unpacked system may be: a day and an hour

skip() { echo "skipped: $*"; exit 77; }

# ---- the mirror, as apt knows it ----
# mirror_of RELEASE: where this machine's apt finds it
mirror_of() {
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v release="$1" '$1 == release && $2 == "main" {print $3; exit}'
}

find_mirrors() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    mirror=${DEBIAN_MIRROR:-$(mirror_of "$codename")}
    security_mirror=$(mirror_of "$codename-security")
    mirror=${mirror%/} security_mirror=${security_mirror%/}
    [ -n "$mirror" ] || skip "apt of this machine names no mirror of Debian's $codename main; DEBIAN_MIRROR=URL names one"
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "${proxy:-}" ] || export http_proxy=${http_proxy:-$proxy}
}

sources() {
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    [ -z "$security_mirror" ] || echo "deb $security_mirror $suite-security main"
}

check_machine() {
    [ "$(id -u)" -eq 0 ] || skip "needs root, to unpack a system and to mount in it"
    local program
    for program in debootstrap unshare apt-get /usr/lib/apt/apt-helper; do
        command -v "$program" >/dev/null || skip "$program is not there"
    done
    unshare --mount --pid --fork --propagation private mount -t tmpfs none /mnt 2>/dev/null ||
        skip "this account may not mount, not even in a namespace of its own"
    find_mirrors
    /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/InRelease" "$folder/InRelease" >/dev/null 2>&1 ||
        skip "$mirror has no $suite, or cannot be reached"
}

# ---- the system ----
make_base() {
    local archive=$cache/$suite.tar
    mkdir -p "$cache" "$root"
    if [ -z "$(find "$archive" -mmin -$fresh_minutes 2>/dev/null)" ]; then
        debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$root" "$mirror" >"$folder/debootstrap.log" 2>&1 || {
            tail "$folder/debootstrap.log"
            exit 1
        }
        tar --one-file-system -C "$root" -cpf "$archive.$$" . && mv "$archive.$$" "$archive"
    else
        tar -C "$root" -xpf "$archive"
    fi
}

# Devices are mounted one by one: nothing in the folder is the machine's /dev itself.
mount_in_base() {
    local device
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
}

# What this machine needs to reach the mirror: names, proxies, certificates, and how apt is to treat what it finds there.
configure_base() {
    cp --remove-destination -L /etc/resolv.conf /etc/hosts "$root/etc/"
    sources >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90mirror" || true
    case "$mirror$security_mirror" in
    *https:*) cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" ;;
    esac
    git -C "$checkout" bundle create --quiet "$root/tmp/prunelora.bundle" HEAD
}

# ---- what is done in it ----
# inside COMMAND: as a user types it, with nothing of this machine's environment but the way to the mirror
inside() {
    env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        chroot "$root" bash -c "cd /root && if [ -d prunelora ]; then cd prunelora; fi && $1" </dev/null
}

disk_mib() { du -sxm "$root" | cut -f 1; }

times=()
# step NAME COMMAND: inside, with its time and disk noted
step() {
    local start=$SECONDS before rc=0
    before=$(disk_mib)
    printf '\n#### %s: %s\n' "$suite" "$2"
    inside "$2" || rc=$?
    times+=("$(printf '%-12s %6d s %7d MiB  %s' "$1" $((SECONDS - start)) $(($(disk_mib) - before)) "$2")")
    [ $rc -eq 0 ] || { report; echo "$suite: '$2' ends with $rc"; exit 1; }
}

report() {
    printf '\n#### %s: how long it took, and what it added to %d MiB\n' "$suite" "$base_mib"
    printf '%s\n' "${times[@]}"
}

short_steps() {
    local prunelora=build/prunelora
    step install "./bootstrap.sh install"
    step build "./bootstrap.sh build && cmake --install build && prunelora --version"
    step images "$prunelora data synth --out data/synth --train 2000 --test 500"
    step train "$prunelora train sweeps/base/demo.yaml --out model_weights/demo.h5 --set base.train.epochs=1"
    step plan "$prunelora plan sweeps/demo.yaml"
    step sweep "mpirun --allow-run-as-root --oversubscribe --bind-to none -n 2 $prunelora sweep sweeps/demo.yaml \
        --set forget.class=3 --set prune.sparsity=0.5 --set lora.rank=4"
    step report "$prunelora report results/demo"
    step "install all" "./bootstrap.sh install test"
    step unit "./bootstrap.sh test -L unit"
}

# The demo's table, kept, and held against that of the other suite.
compare_tables() {
    local other
    inside "build/prunelora report results/demo --format csv" >"$cache/$suite-demo.csv"
    for other in bookworm trixie; do
        [ "$other" != "$suite" ] && [ -e "$cache/$other-demo.csv" ] || continue
        printf '\n#### the demo of %s and %s\n' "$suite" "$other"
        python3 "$checkout/tests/fresh/agree.py" "$cache/$suite-demo.csv" "$cache/$other-demo.csv"
    done
}

whole_steps() {
    step demo "./bootstrap.sh demo"
    compare_tables
    step test "./bootstrap.sh test"
}

# The part in namespaces of its own.
run_inside() {
    make_base
    mount_in_base
    configure_base
    inside "git clone --quiet /tmp/prunelora.bundle prunelora"
    base_mib=$(disk_mib)
    if [ "$form" = --short ]; then short_steps; else whole_steps; fi
    report
}

# Never while something is mounted below: a machine's devices could be what is deleted.
remove_folder() {
    if grep -q -F " $folder/" /proc/self/mountinfo; then
        echo "not removed, something is still mounted below it: $folder" >&2
    else
        rm -rf --one-file-system "$folder"
    fi
}

suite=${1:-} form=${2:-}
case "$suite$form" in
bookworm | trixie | bookworm--short | trixie--short) ;;
*)
    echo "usage: $0 bookworm|trixie [--short]" >&2
    exit 2
    ;;
esac
if [ -n "${FRESH_FOLDER:-}" ]; then
    folder=$FRESH_FOLDER root=$FRESH_FOLDER/root
    find_mirrors
    run_inside
else
    folder=$(mktemp -d "${TMPDIR:-/var/tmp}/prunelora-fresh-XXXXXX")
    trap remove_folder EXIT
    check_machine
    FRESH_FOLDER=$folder unshare --mount --pid --fork --kill-child --propagation private "$self" "$@"
fi
