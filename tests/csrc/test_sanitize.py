"""Under the address and undefined behavior sanitizers: the kernels alone, and the operators that torch calls."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch.utils.cpp_extension import include_paths

ROOT = Path(__file__).parents[2]
LINK = ["-fsanitize=address,undefined"]

pytestmark = pytest.mark.timeout(600)


def test_kernels_on_buffers_of_exact_size(
    compile_sanitized: Callable[..., list[str]], run_checked: Callable[..., str], tmp_path: Path
) -> None:
    objects = compile_sanitized([Path(__file__).with_name("sanitize.cpp")])
    program = str(tmp_path / "sanitize")
    run_checked(["g++", *LINK, *objects, "-o", program])
    checks = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    report = run_checked([program], env={key: value for key, value in os.environ.items() if key != "NBV_ISA"} | checks)
    assert " 0 wrong" in report


@pytest.fixture(scope="module")
def library(
    compile_sanitized: Callable[..., list[str]],
    run_checked: Callable[..., str],
    shared_folder: Path,
) -> str:
    """The extension, with sanitizers."""
    flags = [f"-I{path}" for path in include_paths()] + ["-DTORCH_TARGET_VERSION=0x020a000000000000"]
    operators = [ROOT / f"csrc/cpu/{name}/op.cpp" for name in ("neighborhood", "match", "residuals")]
    objects = compile_sanitized(operators, flags)
    target = shared_folder / "sanitize/kernels.so"
    torch_libraries = [f"-L{Path(torch.__file__).parent / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"]
    with FileLock(f"{target}.lock"):
        if not target.exists():
            run_checked(["g++", "-shared", *LINK, *objects, *torch_libraries, "-o", str(target)])
    return str(target)


@pytest.mark.skipif(platform.system() != "Linux", reason="the sanitizers are preloaded as on Linux")
@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_operators(library: str, name: str, run_checked: Callable[..., str]) -> None:
    runtimes = ("libasan.so", "libubsan.so", "libstdc++.so.6")  # before Python's own memory
    settings = {
        "NBV_ISA": name,
        "NBV_SWEEP_LIBRARY": library,
        "LD_PRELOAD": ":".join(run_checked(["g++", f"-print-file-name={r}"]).strip() for r in runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python frees not everything at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    run_checked([sys.executable, str(ROOT / "tests/ops/neighborhood/sweep.py")], env={**os.environ, **settings})
