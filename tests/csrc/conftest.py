"""Compilation of the kernels under the address and undefined behavior sanitizers, with the flags of setup.py."""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fPIC"]
# Checks by calls and a simple allocation of registers: compiled in a third of the time.
QUICK = ["-O1", "-g1", "--param=asan-instrumentation-with-call-threshold=0"]
QUICK += ["-fira-region=one", "-fira-algorithm=priority"]


@pytest.fixture(scope="session")
def compile_sanitized(shared_folder: Path) -> Callable[..., list[str]]:
    """Kernels, plan and more sources -> object files; `flags` go to these sources alone."""
    if shutil.which("g++") is None:
        pytest.skip("g++ builds the kernels with sanitizers")
    folder, settings = shared_folder / "sanitize", build_settings()
    folder.mkdir(exist_ok=True)
    macros = ["-DNBV_X86"] * settings["X86"]

    def compile_one(source: Path, flags: Sequence[str]) -> str:
        target = folder / f"{source.parent.name}-{source.stem}.o"
        with FileLock(f"{target}.lock"):
            if not target.exists():
                command = ["g++", *settings["FLAGS"], *flags, *macros, *SANITIZE, *QUICK, "-c", source, "-o", target]
                run([str(word) for word in command])
        return str(target)

    def compile_all(sources: Sequence[Path], flags: Sequence[str] = ()) -> list[str]:
        isa = settings["ISA_FLAGS"] if settings["X86"] else {}
        names = ("neighborhood/plan.cpp", *(f"isa/{name}" for name in ("isa.cpp", "portable.cpp", *isa)))
        kernels = [ROOT / "csrc/cpu" / name for name in names]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(
                pool.map(
                    compile_one, [*kernels, *sources], [isa.get(k.name, []) for k in kernels] + [flags] * len(sources)
                )
            )

    return compile_all


@pytest.fixture(scope="session")
def run_checked() -> Callable[..., str]:
    """`run`, for tests."""
    return run


def build_settings() -> dict[str, Any]:
    """What setup.py assigns: X86, FLAGS and ISA_FLAGS."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Assign)]
    names: dict[str, Any] = {"platform": platform}
    exec(compile(tree, "setup.py", "exec"), names)
    return names


def run(command: list[str], **options: Any) -> str:
    """What a command printed; an error with that text if it failed."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}"
    return done.stdout
