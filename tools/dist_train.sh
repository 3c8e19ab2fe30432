#!/usr/bin/env bash
# Train on several processes of one machine (one a GPU; on CPU they talk over gloo).
# Usage: tools/dist_train.sh CONFIG NPROC [arguments of tools/train.py]
# NNODES, NODE_RANK, MASTER_ADDR and PORT may be set for more machines or another port; PYTHON names the interpreter.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG NPROC [arguments of tools/train.py]" >&2
    exit 2
fi
config=$1
nproc=$2
shift 2

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes "${NNODES:-1}" \
    --node-rank "${NODE_RANK:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" \
    --master-port "${PORT:-29500}" \
    --nproc-per-node "$nproc" \
    "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" --launcher pytorch "$@"
