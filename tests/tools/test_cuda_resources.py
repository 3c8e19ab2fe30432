"""tools/cuda_resources.py: reading what ptxas says, the page, and the limits of spills."""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path

import pytest

from tools import cuda_resources
from tools.cuda_plan import Launch
from tools.cuda_resources import Resources, main, make_page, read_report

ROOT = Path(__file__).parents[2]
REPORT = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'step_backward' for 'sm_90'
ptxas info    : Function properties for step_backward
    80 bytes stack frame, 72 bytes spill stores, 68 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 80 bytes cumulative stack size, 512 bytes smem
ptxas info    : Compiling entry function '_ZN3nbv12_GLOBAL__N_113match_forwardIfLi4EEEvPT_' for 'sm_90'
ptxas info    : Function properties for _ZN3nbv12_GLOBAL__N_113match_forwardIfLi4EEEvPT_
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers
"""
KERNEL = """
namespace nbv {
template <class T> __global__ void scale(T* x) { x[threadIdx.x] *= 2; }
void launch(float* x, double* y) { scale<float><<<1, 32>>>(x); scale<double><<<1, 32>>>(y); }
}
"""


def test_reads_ptxas() -> None:
    backward, forward = read_report(REPORT)
    assert backward == Resources("step_backward", "90", 255, 80, 72, 512) and backward.may_spill == 64
    assert forward[1:] == ("90", 32, 0, 0, 0) and forward.may_spill == 0
    if shutil.which("c++filt"):
        assert forward.kernel == "match_forward<float, 4>"
    with pytest.raises(ValueError, match="form that is not known"):
        read_report("Compiling entry function 'f' for 'sm_90'\nsomething new")


def test_page_has_one_row_per_kernel() -> None:
    found = [Resources("f", "80", 40, 0, 0, 16), Resources("f", "90", 48, 8, 4, 16), Resources("g", "90", 20, 0, 0, 0)]
    page = make_page(found, ["80", "90"], "13.0", {})
    assert "with nvcc 13.0" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows[0] == "| kernel | sm_80 | sm_90 | stack | spilled | shared |"
    assert rows[2:4] == ["| `f` | 40 | 48 | 8 | 4 | 16 |", "| `g` |  | 20 | 0 | 0 | 0 |"]


def test_page_counts_blocks_side_by_side() -> None:
    found = [Resources("f", "80", 40, 0, 0, 16), Resources("f", "86", 200, 0, 0, 0), Resources("g", "80", 20, 0, 0, 0)]
    plans = {("call", "80"): [Launch("f", 9, 128, 1000, {}), Launch("other", 1, 32, 0, {})]}
    plans |= {("call", "86"): [Launch("f", 9, 64, 50 << 10, {}), Launch("g", 1, 32, 0, {})]}
    plans |= {("more", "80"): [Launch("g", 1, 96, 0, {})], ("more", "86"): []}
    rows = [line for line in make_page(found, ["80", "86"], "13.0", plans).splitlines() if line.startswith("|")]
    assert rows[4:] == [
        "| kernel | call | sm_80 | sm_86 | threads | shared |",
        "|---|---|---:|---:|---:|---:|",
        "| `f` | call | 12 (48) | 1 (2) | 64 or 128 | 51200 |",
        "| `g` | more | 21 (63) |  | 96 | 0 |",
    ]


def test_fails_where_a_kernel_spills(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nvcc = tmp_path / "bin/nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho 'release 13.0, V'; echo '#$ TOP=/' >&2\n")
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    for spilled, code in ((64, 0), (68, 1)):
        one = Resources("match_backward", "80", 255, spilled, spilled, 0)
        monkeypatch.setattr(cuda_resources, "compile_one", lambda *arguments, one=one: [one])
        monkeypatch.setattr(cuda_resources, "ask_plans", lambda architectures: {})
        assert main(["a.cu", "--architectures", "80", "--output", str(tmp_path / "page.md")]) == code
        out, err = capsys.readouterr()
        assert (tmp_path / "page.md").read_text() in out and ("spills 68 bytes on sm_80" in err) == bool(code)


def test_without_nvcc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CUDA_HOME", "/nothing")
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "no nvcc was found" in capsys.readouterr().err


def test_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["find_nvcc"](os.environ) is None:
        pytest.skip("no nvcc")
    source = tmp_path / "a.cu"
    source.write_text(KERNEL)
    assert main([str(source), "--architectures", "80", "90"]) == 0
    out = capsys.readouterr().out
    assert "| sm_80 | sm_90 |" in out and "scale" in out
    source.write_text("this is no kernel")
    assert main([str(source), "--architectures", "80"]) == 1
    assert "does not compile for sm_80" in capsys.readouterr().err
