#!/usr/bin/env bash
# Test on several processes of one machine (one a GPU; on CPU they talk over gloo).
# Usage: tools/dist_test.sh CONFIG CHECKPOINT NPROC [arguments of tools/test.py]
# NNODES, NODE_RANK, MASTER_ADDR and PORT may be set for more machines or another port; PYTHON names the interpreter.
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT NPROC [arguments of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
nproc=$3
shift 3

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes "${NNODES:-1}" \
    --node-rank "${NODE_RANK:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" \
    --master-port "${PORT:-29500}" \
    --nproc-per-node "$nproc" \
    "$(dirname "${BASH_SOURCE[0]}")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
