"""Building vision._C_cuda: what setup.py decides, and that what it builds loads and refuses bad calls without a GPU."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from setuptools import Distribution, Extension
from setuptools.errors import CompileError

ROOT = Path(__file__).parents[2]
NVCC = """#!/bin/sh
case "$1" in
  --version) echo "Cuda compilation tools, release {release}, V1";;
  -dryrun) echo '#$ TOP={root}/bin/..' >&2;;
  --list-gpu-code) printf 'sm_70\\nsm_75\\nsm_80\\nsm_86\\nsm_90\\n';;
esac
"""


@pytest.fixture(scope="module")
def setup() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "setup.py"), run_name="setup")


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """A folder that looks like CUDA 13.0, which knows no architecture after 9.0."""
    make_toolkit(tmp_path / "cuda", "13.0", "lib64/libcudart.so.13")
    return tmp_path / "cuda"


def make_toolkit(root: Path, release: str, library: str) -> None:
    for name in ("bin/nvcc", library):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / library).touch()
    (root / "bin/nvcc").write_text(NVCC.format(release=release, root=root))
    (root / "bin/nvcc").chmod(0o755)


def make_torch(cuda: str | None = "13.0", gpu: bool = False) -> Any:
    return SimpleNamespace(version=SimpleNamespace(cuda=cuda), cuda=SimpleNamespace(is_available=lambda: gpu))


def test_builds_where_it_is_asked_for_or_a_gpu_is_there(setup: dict[str, Any], toolkit: Path) -> None:
    for gpu, forced in ((True, {}), (False, {"FORCE_CUDA": "1"})):
        cuda, said = setup["plan_cuda"](make_torch(gpu=gpu), {"CUDA_HOME": str(toolkit), **forced})
        assert said == f"built by {toolkit}/bin/nvcc, CUDA 13.0, for 75 80 86 90"  # of our list, those that nvcc knows
        assert cuda.nvcc == toolkit / "bin/nvcc"
        assert cuda.gencode[0] == "-gencode=arch=compute_75,code=[sm_75]"
        assert cuda.runtime == [f"-L{toolkit}/lib64", "-l:libcudart.so.13"]


def test_architectures_can_be_named(setup: dict[str, Any], toolkit: Path) -> None:
    environ = {"CUDA_PATH": str(toolkit), "FORCE_CUDA": "1", "TORCH_CUDA_ARCH_LIST": "8.0 9.0a+PTX;"}
    cuda, said = setup["plan_cuda"](make_torch(), environ)
    assert said.endswith("for 80 90a+PTX")
    assert cuda.gencode == [
        "-gencode=arch=compute_80,code=[sm_80]",
        "-gencode=arch=compute_90a,code=[sm_90a,compute_90a]",
    ]


@pytest.mark.parametrize(
    ("torch_like", "environ", "words"),
    [
        (make_torch(), {}, "there is no GPU; FORCE_CUDA=1 builds it nevertheless"),
        (make_torch(gpu=True), {"FORCE_CUDA": "0"}, "FORCE_CUDA=0"),
        (make_torch(cuda=None), {"FORCE_CUDA": "1"}, "this torch is built without CUDA"),
        (make_torch(gpu=True), {"CUDA_HOME": "/nothing"}, "no nvcc was found"),
        (make_torch(cuda="12.8", gpu=True), {}, "is of CUDA 13.0, this torch of 12.8; the major versions must be"),
        (make_torch(gpu=True), {"TORCH_CUDA_ARCH_LIST": "Hopper"}, "numbers such as '8.0;9.0+PTX', got 'Hopper'"),
        (make_torch(gpu=True), {"TORCH_CUDA_ARCH_LIST": "7.0"}, "names 7.0, but nvcc and the kernels know 75, 80"),
        (make_torch(gpu=True), {"TORCH_CUDA_ARCH_LIST": "12.0"}, "names 12.0, but nvcc and the kernels know"),
    ],
)  # fmt: skip
def test_says_why_nothing_is_built(
    setup: dict[str, Any], toolkit: Path, torch_like: Any, environ: dict[str, str], words: str
) -> None:
    cuda, said = setup["plan_cuda"](torch_like, {"CUDA_HOME": str(toolkit), **environ})
    assert cuda is None and said.startswith("not built: ") and words in said and "\n" not in said


def test_a_toolkit_without_or_with_the_static_runtime(setup: dict[str, Any], tmp_path: Path) -> None:
    make_toolkit(tmp_path / "none", "13.0", "lib/libother.so")
    cuda, said = setup["plan_cuda"](make_torch(), {"CUDA_HOME": str(tmp_path / "none"), "FORCE_CUDA": "1"})
    assert cuda is None and "no libcudart.so.13 and no libcudart_static.a was found" in said
    make_toolkit(tmp_path / "static", "13.1", "targets/x86_64-linux/lib/libcudart_static.a")
    cuda, _ = setup["plan_cuda"](make_torch(), {"CUDA_HOME": str(tmp_path / "static"), "FORCE_CUDA": "1"})
    assert cuda.runtime[0].endswith("libcudart_static.a")


def test_an_nvcc_that_does_not_work(setup: dict[str, Any], toolkit: Path) -> None:
    for script, words in (("#!/bin/sh\nexit 3\n", "exit status 3"), ("#!/bin/sh\n", "did not say its version")):
        (toolkit / "bin/nvcc").write_text(script)
        cuda, said = setup["plan_cuda"](make_torch(gpu=True), {"CUDA_HOME": str(toolkit)})
        assert cuda is None and "does not work" in said and words in said


def test_the_build_for_the_cpu_is_as_it_was(
    setup: dict[str, Any], toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("FORCE_CUDA", "0")
    (cpu,) = setup["extension_arguments"]()["ext_modules"]
    assert cpu.name == "vision._C" and not [path for path in cpu.sources if "cuda" in path]
    monkeypatch.setenv("FORCE_CUDA", "")
    cuda = setup["cuda_extension"](setup["CudaBuild"](toolkit / "bin/nvcc", ["80", "120+PTX"], [], []))
    assert ("NBV_CUDA_ARCHITECTURES", "80:120+PTX") in cuda.define_macros
    assert cuda.optional  # an error of nvcc is a warning where nobody asked for CUDA
    assert {"csrc/cuda/module.cpp", "csrc/cuda/match/op.cpp", "csrc/cuda/match/kernels.cu"} <= set(cuda.sources)
    assert "csrc/cuda/neighborhood/op.cpp" in cuda.sources
    assert not set(cuda.sources) & set(cpu.sources) and "csrc/cuda/match/args.h" in cuda.depends


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
@pytest.mark.parametrize("jobs", ["1", "2", ""])
def test_files_compile_side_by_side(
    setup: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jobs: str
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("FORCE_CUDA", "0")
    monkeypatch.setenv("MAX_JOBS", jobs)
    sources = [tmp_path / f"part{i}.cpp" for i in range(3)]
    for i, source in enumerate(sources):
        source.write_text(f"int part{i}() {{ return {i}; }}\n")

    def build() -> None:
        extension = Extension("parts", [str(source) for source in sources])
        distribution = Distribution({**setup["extension_arguments"](), "name": "test", "ext_modules": [extension]})
        command: Any = distribution.get_command_obj("build_ext")
        command.build_lib = command.build_temp = str(tmp_path / "out")
        command.force = True
        command.ensure_finalized()
        command.run()

    build()
    (library,) = (tmp_path / "out").glob("parts*.so")
    symbols = library.read_bytes()
    assert all(f"part{i}".encode() in symbols for i in range(3))
    sources[1].write_text("not C++\n")
    with pytest.raises(CompileError):
        build()


# A child builds the extension for CUDA alone, by setup.py's own command, into the folder that it is given.
BUILD = """
import runpy, sys
from setuptools import Distribution
arguments = runpy.run_path("setup.py", run_name="setup")["extension_arguments"]()
ours = [extension for extension in arguments["ext_modules"] if extension.name == "vision._C_cuda"]
command = Distribution({**arguments, "name": "test", "ext_modules": ours}).get_command_obj("build_ext")
command.build_lib = command.build_temp = sys.argv[1]
command.ensure_finalized()
command.run()
"""
# Another loads it. Without a GPU there are no CUDA tensors, but the checks before the first launch can be asked.
CALL = """
import importlib.util, sys, torch
from vision.ops import match_attention, na2d
spec = importlib.util.spec_from_file_location("vision._C_cuda", sys.argv[1])
sys.modules["vision._C_cuda"] = importlib.util.module_from_spec(spec)
from vision.ops.common import cuda_kernels, kernels
cuda = torch.device("cuda")
assert kernels.why_not(cuda, has_cuda=True) is None and kernels.why_not(cuda) == "no kernels for cuda tensors"
assert cuda_kernels.architectures() == ["90"]
for name in ("match_attention", "neighborhood_attention"):
    for operator in (f"nbv::{name}", f"nbv::{name}_backward"):
        assert torch._C._dispatch_has_kernel_for_dispatch_key(operator, "CUDA")
keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA)
def refuse(*numbers, x=torch.zeros(1, 4, 5, 1, 3), words):
    try:
        torch.ops.nbv.match_attention.default.redispatch(keys, x, x, x, x[..., :2], *numbers, 1.0, True)
    except RuntimeError as error:
        assert "match_attention on CUDA: " + words in str(error), error
    else:
        raise AssertionError(words)
refuse(1, 1, words="query must be on the CUDA device of query, got a tensor that is on none")
refuse(1, 1, x=torch.zeros(2, 3), words="query must have 5 axes, [batch, y, x, heads, dim], got 2")
refuse(1, 400, words="a window must have from 4 to 1024 pixels, got radius (1, 400)")
refuse(-1, 0, words="a window must have from 4 to 1024 pixels, got radius (-1, 0)")
refuse(2, 1, words="the map must be at least 2 radius + 2 pixels along each axis, got 5 x 4 for radius (2, 1)")
x, window = torch.zeros(1, 4, 5, 1, 3), ([3, 3], [1, 1], [1, 1], [0, 0], 1.0)
try:
    torch.ops.nbv.neighborhood_attention.default.redispatch(keys, x, x, x, None, None, None, *window)
except RuntimeError as error:
    words = "neighborhood_attention on CUDA: query must be on the CUDA device of query, got a tensor that is on none"
    assert words in str(error), error
else:
    raise AssertionError("no error")
print("refused")
"""


def test_builds_loads_and_refuses(setup: dict[str, Any], tmp_path: Path) -> None:
    cuda, said = setup["plan_cuda"](torch, {**os.environ, "FORCE_CUDA": "1", "TORCH_CUDA_ARCH_LIST": "9.0"})
    if cuda is None:
        pytest.skip(said)
    environment = {**os.environ, "FORCE_CUDA": "1", "TORCH_CUDA_ARCH_LIST": "9.0", "PYTHONPATH": str(ROOT)}
    environment["NVCC_APPEND_FLAGS"] = "-Xcicc -O0 -Xptxas -O0"  # no kernel runs here: half the time

    def run(code: str, *arguments: object) -> str:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=400)
        assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
        return done.stdout

    assert f"vision._C_cuda: {said}" in run(BUILD, tmp_path)
    assert run(CALL, tmp_path / "vision/_C_cuda.abi3.so") == "refused\n"
