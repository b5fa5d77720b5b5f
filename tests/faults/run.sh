#!/usr/bin/env bash
# run.sh BUILD_FOLDER [--short] [--seed N] [--faults N] [--cases N] [--ledger FILE] [--kind KIND]: a campaign of faults
# against the program built there (campaign.py says more; --help lists the options and kinds).
set -euo pipefail

python=/usr/bin/python3 # Debian's own has h5py, numpy and pandas
[ -x "$python" ] || python=python3
exec "$python" -u "$(dirname "$(readlink -f "$0")")/campaign.py" "$@"
