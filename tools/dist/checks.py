"""What must hold of packages before anyone gets them."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

# Bytes; by the beginning of the file's name.
LARGEST = {"neighborhood_vision-": 30_000_000, "neighborhood_vision_cuda-": 40_000_000}
TAG = re.compile(r"-cp310-abi3-manylinux_2_\d+_x86_64\.whl$")


def check(paths: Sequence[Path]) -> list[str]:
    """What is wrong with packages, one line each."""
    return [*_twine(paths), *(problem for path in paths for problem in check_one(path))]


def check_one(path: Path) -> Iterator[str]:
    """What is wrong with one package: its size, its tag, what is inside."""
    for beginning, most in LARGEST.items():
        if path.name.startswith(beginning) and path.stat().st_size > most:
            yield f"{path.name} has {path.stat().st_size:,} bytes; at most {most:,} are allowed"
    if path.suffix == ".whl":
        if not TAG.search(path.name):
            yield f"{path.name} has another tag than cp310-abi3-manylinux_2_*_x86_64"
        yield from _inside(path)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()


def _inside(path: Path) -> Iterator[str]:
    """One library and no other, a bill of materials, and no path of the machine that built it."""
    is_cuda = path.name.startswith("neighborhood_vision_cuda-")
    wanted = "neighborhood_vision_cuda/_C_cuda.abi3.so" if is_cuda else "vision/_C.abi3.so"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        libraries = [name for name in names if name.endswith(".so") or ".so." in name]
        if libraries != [wanted]:
            yield f"{path.name} has the libraries {libraries}; expected {wanted} alone"
        if not any(re.fullmatch(r"[^/]+\.dist-info/sboms/[^/]+\.cdx\.json", name) for name in names):
            yield f"{path.name} has no bill of materials"
        if len({archive.getinfo(name).date_time for name in names}) != 1:
            yield f"{path.name} has files of different times"
        for name in libraries:
            if re.search(rb"site-packages|/tmp/|/home/", archive.read(name)):
                yield f"{path.name}: {name} names folders of the machine that built it"


def _twine(paths: Sequence[Path]) -> list[str]:
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, paths)]
    done = subprocess.run(command, text=True, capture_output=True)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr).strip()]
