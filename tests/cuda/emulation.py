"""CUDA kernels under the emulator, for the tests of each operator: run, sanitized, and with faults planted in them."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
Compile = Callable[..., Path]
Case = dict[str, Any]
Results = dict[str, np.ndarray]


def run(
    script: str, library: Path, cases: Sequence[Case], folder: Path, order: str = "forward", preload: str = ""
) -> list[Results | str]:
    """Results of a script that lies here, or faults; what its process said, for each, if it died."""
    files = [folder / "cases", folder / "results"]
    files[0].write_bytes(pickle.dumps(list(cases)))
    files[1].unlink(missing_ok=True)
    settings = {"NBV_SIMT_ORDER": order, "LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0"}
    settings["OPENBLAS_NUM_THREADS"] = "1"
    command = [sys.executable, str(HERE / script), str(library), *map(str, files)]
    try:
        done = subprocess.run(command, env={**os.environ, **settings}, text=True, capture_output=True, timeout=250)
    except subprocess.TimeoutExpired:
        return ["died: it took too long"] * len(cases)
    if not files[1].exists():
        return [f"died with {done.returncode}: {done.stderr[-4000:]}"] * len(cases)
    return pickle.loads(files[1].read_bytes())


def sanitizers() -> str:
    """What to preload for a library that is compiled with them."""
    paths = [subprocess.check_output(["g++", f"-print-file-name=lib{n}.so"], text=True) for n in ("asan", "ubsan")]
    return " ".join(path.strip() for path in paths)


def side_by_side(work: Callable[[Any], Any], of: Iterable[Any]) -> list[Any]:
    """What `work` returns for each, a thread to a core: compilers and kernels run in processes of their own."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, of))


class Fault(NamedTuple):
    """A text that is once in a file, named from csrc/cuda, and what comes in its place."""

    file: str
    text: str
    other: str


def compile_mutant(
    compile_simt: Compile,
    folder: Path,
    source: Path,
    *faults: Fault,
    mode: str = "plain",
    flags: Sequence[str] = (),
    library: bool = True,
) -> Path:
    """What a source that lies here becomes in a copy of the tree that has the faults."""
    csrc = folder / "csrc"
    for part in ("cuda", "geometry"):
        shutil.copytree(ROOT / "csrc" / part, csrc / part)
    (csrc / "simt").symlink_to(ROOT / "csrc/simt")
    for name, text, other in faults:
        file = csrc / "cuda" / name
        content = file.read_text()
        assert content.count(text) == 1, f"{text!r} is {content.count(text)} times in {name}"
        file.write_text(content.replace(text, other))
    copy = folder / "tests/cuda" / source.name
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    # The cache knows the headers of the checkout, not these.
    key = hashlib.sha256(repr(faults).encode()).hexdigest()[:8]
    return compile_simt(copy, mode=mode, flags=[*flags, f"-DFAULT=0x{key}"], library=library)


def find_lines(folder: Path, pattern: str) -> list[tuple[str, str]]:
    """Files in a folder of csrc/cuda and the texts in them that match: barriers, waits."""
    return [
        (str(path.relative_to(ROOT / "csrc/cuda")), text)
        for path in sorted(folder.rglob("*.h"))
        for text in re.findall(pattern, path.read_text())
    ]
