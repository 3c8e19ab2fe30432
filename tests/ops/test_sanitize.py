"""The kernels under AddressSanitizer and UndefinedBehaviorSanitizer: nothing is read or written beyond a tensor."""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths

ROOT = Path(__file__).parents[2]
SANITIZE = ["-O1", "-g1", "-std=c++20", "-fPIC", "-Wno-psabi", "-fsanitize=address,undefined"]
SANITIZE += ["-fno-sanitize-recover=undefined", "-DTORCH_TARGET_VERSION=0x020a000000000000"]

pytestmark = [
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ builds the kernels with sanitizers"),
    pytest.mark.skipif(platform.system() != "Linux", reason="the sanitizers are preloaded as on Linux"),
]


def isa_flags() -> dict[str, list[str]]:
    """Flags of the files that are compiled for one instruction set, as setup.py has them."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ISA_FLAGS":
            return eval(ast.unparse(node.value))
    raise AssertionError("setup.py has no ISA_FLAGS")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitize")
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    names = ["neighborhood.cpp", "plan.cpp", "kernels_portable.cpp", *(isa_flags() if x86 else {})]

    def compile_one(name: str) -> str:
        target = str(folder / f"{name}.o")
        includes = [f"-I{path}" for path in include_paths()]
        flags = [*SANITIZE, *includes, *isa_flags().get(name, []), *["-DNBV_X86"] * x86]
        subprocess.run(["g++", *flags, "-c", str(ROOT / "csrc/cpu" / name), "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_one, names))
    torch_libraries = Path(torch.__file__).parent / "lib"
    link = ["-shared", "-fsanitize=address,undefined", f"-L{torch_libraries}", "-ltorch", "-ltorch_cpu", "-lc10"]
    subprocess.run(["g++", *objects, *link, "-o", str(folder / "kernels.so")], check=True)
    return folder / "kernels.so"


def preloads() -> str:
    """Runtimes that must be there before Python's own memory."""
    names = ("libasan.so", "libubsan.so", "libstdc++.so.6")
    find = [subprocess.run(["g++", f"-print-file-name={n}"], capture_output=True, text=True, check=True) for n in names]
    return ":".join(found.stdout.strip() for found in find)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_no_error_is_reported(library: Path, name: str) -> None:
    settings = {
        "NBV_ISA": name,
        "NBV_SWEEP_LIBRARY": str(library),
        "LD_PRELOAD": preloads(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python frees not everything at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    command = [sys.executable, str(ROOT / "tests/ops/sweep.py")]
    run = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
