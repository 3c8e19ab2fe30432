"""The tree that is packed: the last commit's files, with nothing of the checkout around them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path


def last_commit(root: Path) -> str:
    """Its name, once and for all: others may commit while a build runs.

    Raises:
        subprocess.CalledProcessError: `root` is no checkout; git has said why.
    """
    return _git(root, "rev-parse", "HEAD").decode().strip()


def clean_copy(root: Path, commit: str, folder: Path) -> int:
    """Write the files of a commit to a folder.

    Returns:
        Seconds since 1970 of that commit, for SOURCE_DATE_EPOCH.
    """
    archive = _git(root, "archive", "--format=tar", commit)
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return int(_git(root, "log", "-1", "--format=%ct", commit))


def uncommitted(root: Path) -> list[str]:
    """Files that the packages will not show as they stand in the checkout."""
    lines = _git(root, "status", "--porcelain").decode(errors="replace").splitlines()
    return [line[3:] for line in lines]


def stage_cuda(tree: Path, folder: Path) -> None:
    """Lay out the source of neighborhood-vision-cuda: its own metadata, the suite's kernels and build commands."""
    shutil.copytree(tree / "tools/dist/cuda", folder)
    shutil.copytree(tree / "csrc", folder / "csrc")
    shutil.copy(tree / "LICENSE", folder)
    shutil.copy(tree / "setup.py", folder / "suite_setup.py")


def environment(epoch: int, tree: Path) -> dict[str, str]:
    """Variables under which a build leaves the same bytes wherever and whenever it runs."""
    import torch

    # Neither the folder of the build nor that of torch's headers is to be found in what is compiled.
    renamed = {str(tree): ".", str(Path(torch.__file__).parent / "include"): "torch"}
    flags = " ".join(["-g0", *(f"-ffile-prefix-map={old}={new}" for old, new in renamed.items())])
    # What was set for another build would get into this one.
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "CPPFLAGS")}
    return kept | {
        "SOURCE_DATE_EPOCH": str(epoch),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "CFLAGS": flags,
        "CXXFLAGS": flags,
        "LDFLAGS": "-Wl,-s -Wl,--build-id=none",
        # nvcc's other source of names, beside the folder, is random otherwise.
        "NVCC_APPEND_FLAGS": " ".join(["-frandom-seed=0", *(f"-Xcompiler={flag}" for flag in flags.split())]),
        "FORCE_CUDA": "0",
    }


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *arguments], stdout=subprocess.PIPE, check=True).stdout
