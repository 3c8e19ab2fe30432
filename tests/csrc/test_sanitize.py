"""The kernels under the address and undefined behaviour sanitizers, called by sanitize.cpp on buffers of exact size."""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Checks by calls and a simple allocation of registers: compiled in a third of the time.
QUICK = ["-O1", "-g1", "--param=asan-instrumentation-with-call-threshold=0"]
QUICK += ["-fira-region=one", "-fira-algorithm=priority"]


def build_settings() -> dict[str, Any]:
    """What setup.py assigns: X86, FLAGS and ISA_FLAGS."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Assign)]
    names: dict[str, Any] = {"platform": platform}
    exec(compile(tree, "setup.py", "exec"), names)
    return names


def run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}"
    return done.stdout


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ builds the kernels with sanitizers")
@pytest.mark.timeout(600)
def test_no_error_and_right_results(tmp_path: Path) -> None:
    settings = build_settings()
    kernels = ROOT / "csrc/cpu"
    sources = [*map(kernels.joinpath, settings["ISA_FLAGS"])] if settings["X86"] else []
    sources += [kernels / "kernels_portable.cpp", kernels / "plan.cpp", Path(__file__).with_name("sanitize.cpp")]

    def compile_one(source: Path) -> str:
        target = str(tmp_path / f"{source.stem}.o")
        isa = settings["ISA_FLAGS"].get(source.name, [])
        macros = ["-DNBV_X86"] * settings["X86"]
        run(["g++", *settings["FLAGS"], *isa, *macros, *SANITIZE, *QUICK, "-c", str(source), "-o", target])
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = str(tmp_path / "sanitize")
    run(["g++", *SANITIZE, *objects, "-o", program])
    checks = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    report = run([program], env={key: value for key, value in os.environ.items() if key != "NBV_ISA"} | checks)
    assert " 0 wrong" in report
