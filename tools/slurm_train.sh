#!/usr/bin/env bash
# Train under Slurm, one task a GPU.
# Usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
# GPUS, GPUS_PER_NODE and CPUS_PER_TASK size the job (GPUS_PER_NODE=0: on CPU); SRUN_ARGS goes to srun as it is.
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]" >&2
    exit 2
fi
partition=$1
job_name=$2
config=$3
work_dir=$4
shift 4

gpus=${GPUS:-8}
gpus_per_node=${GPUS_PER_NODE:-8}
resources=(--ntasks="$gpus" --cpus-per-task="${CPUS_PER_TASK:-5}")
if [ "$gpus_per_node" -gt 0 ]; then
    resources+=(--gres="gpu:$gpus_per_node" --ntasks-per-node="$gpus_per_node")
fi

# shellcheck disable=SC2086 - SRUN_ARGS is meant to be split
exec srun --partition="$partition" --job-name="$job_name" "${resources[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" \
    --work-dir "$work_dir" --launcher slurm "$@"
