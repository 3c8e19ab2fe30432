"""Joining and leaving a group of processes, also on machines without CUDA."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from mmengine.dist import all_gather_object, broadcast_object_list
from torch import distributed

from vision.errors import UsageError

LAUNCHERS = ("none", "pytorch", "slurm")
DEFAULT_PORT = 29500


@contextmanager
def process_group(launcher: str, cfg: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Join the group of the processes that torchrun ("pytorch") or srun ("slurm") started; leave it after success.

    With CUDA, mmengine joins by itself. Without, the group is joined here over gloo, because mmengine first selects a
    CUDA device; a group that is already there it leaves alone.

    Args:
        launcher: one of `LAUNCHERS`; "none" has no group.
        cfg: the config, of which `env_cfg.dist_cfg.timeout` says how many seconds a process waits for the others.

    Raises:
        UsageError: the processes were started by something else, or do not find each other.
    """
    if launcher != "none" and not distributed.is_initialized():
        _set_environment(launcher)
        if not torch.cuda.is_available():
            settings = ((cfg or {}).get("env_cfg") or {}).get("dist_cfg") or {}
            _join_over_gloo(settings.get("timeout"))
    yield
    if launcher != "none" and distributed.is_initialized():
        # A process that ends while a thread of gloo still waits for a slower one is aborted by Python's own shutdown.
        distributed.barrier()
        distributed.destroy_process_group()


def agree(value: Any) -> Any:
    """The first process's value, on every process of the group."""
    box = [value]
    broadcast_object_list(box, src=0)
    return box[0]


def check_shared(path: str) -> None:
    """See that every process of the group finds the same file under a path; all of them must call this.

    Raises:
        UsageError: one does not.
    """
    sizes = all_gather_object(os.path.getsize(path) if os.path.isfile(path) else None)
    others = [rank for rank, size in enumerate(sizes) if size != sizes[0]]
    if others:
        raise UsageError(
            f"process {others[0]} of {len(sizes)} does not find the file {path} that process 0 has: all machines need "
            "the same folder",
            code="bad-checkpoint",
            value=path,
        )


def _set_environment(launcher: str) -> None:
    """See that torch finds the variables by which processes find each other."""
    if launcher == "slurm":
        _translate_slurm_environment()
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise UsageError(
            f"launcher {launcher!r} needs the environment variables {', '.join(missing)}: "
            "start the processes with tools/dist_train.sh (torchrun) or tools/slurm_train.sh (srun)"
        )


def _join_over_gloo(timeout: float | None) -> None:
    try:
        distributed.init_process_group("gloo", timeout=None if timeout is None else timedelta(seconds=timeout))
    except distributed.DistError as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise UsageError(
            f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} does not find the others at {place}: "
            f"{str(error).splitlines()[0]}; expected an address that all machines reach and a port that is free"
        ) from error


def _translate_slurm_environment() -> None:
    """Set torch's variables from those that srun sets for each task."""
    names = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}
    missing = [slurm for slurm in (*names.values(), "SLURM_NODELIST") if slurm not in os.environ]
    if missing:
        raise UsageError(
            f"launcher 'slurm' needs {', '.join(missing)}: start the processes with tools/slurm_train.sh (srun)"
        )
    os.environ.update({ours: os.environ[slurm] for ours, slurm in names.items()})
    # Two jobs may share a machine.
    job = int(os.environ.get("SLURM_JOB_ID", "0"))
    os.environ.setdefault("MASTER_PORT", str(DEFAULT_PORT + job % 10000))
    if "MASTER_ADDR" not in os.environ:
        command = ["scontrol", "show", "hostnames", os.environ["SLURM_NODELIST"]]
        os.environ["MASTER_ADDR"] = subprocess.check_output(command, text=True).split()[0]
