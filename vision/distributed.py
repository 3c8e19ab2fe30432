"""Process groups on machines without CUDA, where mmengine's own start does not work."""

import os
import subprocess

from torch import distributed

from vision.errors import UsageError

LAUNCHERS = ("none", "pytorch", "slurm")
DEFAULT_PORT = "29500"


def init_process_group(launcher: str) -> None:
    """Join the gloo group of the processes that torchrun ("pytorch") or srun ("slurm") started; once is enough."""
    if distributed.is_initialized():
        return
    if launcher == "slurm":
        _translate_slurm_environment()
    missing = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise UsageError(
            f"launcher {launcher!r} needs the environment variables {', '.join(missing)}: "
            "start the processes with tools/dist_train.sh (torchrun) or tools/slurm_train.sh (srun)"
        )
    distributed.init_process_group("gloo")


def _translate_slurm_environment() -> None:
    """Set torch's variables from those that srun sets for each task."""
    names = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}
    missing = [slurm for slurm in (*names.values(), "SLURM_NODELIST") if slurm not in os.environ]
    if missing:
        raise UsageError(
            f"launcher 'slurm' needs {', '.join(missing)}: start the processes with tools/slurm_train.sh (srun)"
        )
    os.environ.update({ours: os.environ[slurm] for ours, slurm in names.items()})
    os.environ.setdefault("MASTER_PORT", DEFAULT_PORT)
    if "MASTER_ADDR" not in os.environ:
        command = ["scontrol", "show", "hostnames", os.environ["SLURM_NODELIST"]]
        os.environ["MASTER_ADDR"] = subprocess.check_output(command, text=True).split()[0]
