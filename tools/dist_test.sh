#!/usr/bin/env bash
# Test on several processes of one machine or of several (one a GPU; on CPU they talk over gloo).
# Usage: tools/dist_test.sh CONFIG CHECKPOINT NPROC [arguments of tools/test.py]
# Several machines: as tools/dist_train.sh. PYTHON names the interpreter.
set -euo pipefail
tools=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tools/torchrun.sh
source "$tools/torchrun.sh"

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT NPROC [arguments of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
nproc=$3
shift 3
[ -f "$config" ] || fail "config not found: $config"

run_on_all "$nproc" "$tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
