#!/usr/bin/env bash
# Train on several processes of one machine or of several (one a GPU; on CPU they talk over gloo).
# Usage: tools/dist_train.sh CONFIG NPROC [arguments of tools/train.py]
# Several machines: run it on each, with NNODES, MASTER_ADDR (one of them), PORT and, unless they shall number themselves,
# NODE_RANK. PYTHON names the interpreter. docs/distributed.md says more.
set -euo pipefail
tools=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tools/torchrun.sh
source "$tools/torchrun.sh"

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG NPROC [arguments of tools/train.py]" >&2
    exit 2
fi
config=$1
nproc=$2
shift 2
[ -f "$config" ] || fail "config not found: $config"

run_on_all "$nproc" "$tools/train.py" "$config" --launcher pytorch "$@"
