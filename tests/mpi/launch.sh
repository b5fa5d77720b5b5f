#!/usr/bin/env bash
# launch.sh MPIRUN ARGUMENT...: starts MPIRUN with what it must be told on a machine with few cores, or as root. Every
# MPI says this in words of its own and refuses those of the others. The process of this script becomes the launcher.
set -euo pipefail

mpirun=$1
shift
options=(--bind-to none) # known to all of them; trainers bind themselves

version=$("$mpirun" --version 2>&1) || {
    echo "$mpirun does not work: $version" >&2
    exit 3
}
case $version in
*"(Open MPI)"* | *"(OpenRTE)"*)
    options+=(--oversubscribe)
    [ "$(id -u)" -ne 0 ] || options+=(--allow-run-as-root)
    case $version in
    *") 4."*) memory=vader ;;
    *) memory=sm ;; # its name from Open MPI 5 on
    esac
    export OMPI_MCA_btl=${OMPI_MCA_btl:-self,$memory,tcp}
    ;;
*HYDRA*) ;; # MPICH's: starts as many ranks as asked for, as anybody
*)
    echo "$mpirun is neither Open MPI's nor MPICH's launcher: ${version%%$'\n'*}" >&2
    exit 3
    ;;
esac
exec "$mpirun" "${options[@]}" "$@"
