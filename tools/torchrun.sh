# What tools/dist_train.sh and tools/dist_test.sh share; sourced, not run.
# shellcheck shell=bash

# End with a line and code 2, as the Python tools do on a mistake.
fail() {
    echo "${0##*/}: error: $*" >&2
    exit 2
}

# whole NAME VALUE LEAST: see that a number is one.
whole() {
    if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || [ "$((10#$2))" -lt "$3" ]; then
        fail "$1 is '$2'; expected a whole number from $3"
    fi
}

# run_on_all NPROC SCRIPT ARGUMENTS: start NPROC processes on this machine, and meet those of the other machines.
run_on_all() {
    local nproc=$1 nnodes=${NNODES:-1} place=()
    shift
    case $nproc in
        auto | cpu | gpu) ;;
        *) whole NPROC "$nproc" 1 ;;
    esac
    whole NNODES "$nnodes" 1
    whole PORT "${PORT:-29500}" 1
    if [ "$nnodes" -eq 1 ] && [ -z "${PORT:-}${MASTER_ADDR:-}" ]; then
        place=(--standalone) # takes a free port
    elif [ "$nnodes" -gt 1 ] && [ -z "${MASTER_ADDR:-}" ]; then
        fail "NNODES is $nnodes, but MASTER_ADDR is not set; expected the address of one of the machines, on all of them"
    elif [ "$nnodes" -gt 1 ] && [ -z "${NODE_RANK:-}" ]; then
        # The machines number themselves; the one of this address lets them meet.
        place=(--nnodes "$nnodes" --rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:${PORT:-29500}"
            --rdzv-id "${RDZV_ID:-training}")
    else
        whole NODE_RANK "${NODE_RANK:-0}" 0
        [ "${NODE_RANK:-0}" -lt "$nnodes" ] || fail "NODE_RANK is $NODE_RANK; expected 0 to $((nnodes - 1))"
        place=(--nnodes "$nnodes" --node-rank "${NODE_RANK:-0}"
            --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}")
    fi
    # torchrun hands them on to the processes, which save a checkpoint.
    export PET_SIGNALS_TO_HANDLE=${PET_SIGNALS_TO_HANDLE:-SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1}
    exec "${PYTHON:-python}" -m torch.distributed.run "${place[@]}" --nproc-per-node "$nproc" "$@"
}
