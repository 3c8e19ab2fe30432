#!/usr/bin/env bash
# Train under Slurm, one task a GPU, by one srun: in an allocation of sbatch or salloc, or in one that srun asks for.
# Usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
# GPUS, GPUS_PER_NODE and CPUS_PER_TASK size the job (GPUS_PER_NODE=0: on CPU); SRUN_ARGS goes to srun as it is.
# SECONDS_TO_SAVE: how long before its end the training is told to save a checkpoint (srun's own allocation; in one of
# sbatch, #SBATCH --signal=USR1@300 says it). REQUEUE=1: put the job of sbatch into the queue again once it has saved.
set -euo pipefail
tools=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tools/torchrun.sh
source "$tools/torchrun.sh"

if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]" >&2
    exit 2
fi
partition=$1
job_name=$2
config=$3
work_dir=$4
shift 4
[ -f "$config" ] || fail "config not found: $config"

gpus=${GPUS:-8}
gpus_per_node=${GPUS_PER_NODE:-8}
whole GPUS "$gpus" 1
whole GPUS_PER_NODE "$gpus_per_node" 0
whole CPUS_PER_TASK "${CPUS_PER_TASK:-5}" 1
whole SECONDS_TO_SAVE "${SECONDS_TO_SAVE:-120}" 1
if [ "${REQUEUE:-0}" = 1 ] && [ -z "${SLURM_JOB_ID:-}" ]; then
    fail "REQUEUE is 1, but this is no job of sbatch; put the command into a script for sbatch"
fi

resources=(--ntasks="$gpus" --cpus-per-task="${CPUS_PER_TASK:-5}")
if [ "$gpus_per_node" -gt 0 ]; then
    [ "$gpus" -ge "$gpus_per_node" ] || gpus_per_node=$gpus
    [ $((gpus % gpus_per_node)) -eq 0 ] || fail "GPUS is $gpus; expected a multiple of GPUS_PER_NODE, $gpus_per_node"
    resources+=(--gres="gpu:$gpus_per_node" --ntasks-per-node="$gpus_per_node")
fi
if [ -n "${SLURM_JOB_NODELIST:-}" ]; then
    # Known here already; in an allocation that srun asks for, each task finds it.
    machines=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
    export MASTER_ADDR="${MASTER_ADDR:-${machines%%$'\n'*}}"
fi
if [ -z "${SLURM_JOB_ID:-}" ]; then
    resources+=(--signal="USR1@${SECONDS_TO_SAVE:-120}")
fi

# SRUN_ARGS is meant to be split
# shellcheck disable=SC2206
command=(srun --partition="$partition" --job-name="$job_name" "${resources[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-}
    "${PYTHON:-python}" -u "$tools/train.py" "$config" --work-dir "$work_dir" --launcher slurm "$@")
[ "${REQUEUE:-0}" = 1 ] || exec "${command[@]}"

# What a task ends with does not tell: with the first to end, Slurm kills those that are about to.
mkdir -p "$work_dir"
started=$work_dir/.started-$SLURM_JOB_ID # there, since the clock of another file system may differ
: >"$started"
trap 'rm -f "$started"' EXIT
code=0
"${command[@]}" || code=$?
if [ "$code" -ne 0 ] && [ "$work_dir/interrupted.pth" -nt "$started" ]; then
    echo "saved $work_dir/interrupted.pth: job $SLURM_JOB_ID goes into the queue again"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
