"""tools/cuda_plan.py: what calls of the operators start, as the plans of csrc/cuda say."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tools.cuda_plan import Launch, ask, build, neighborhood_call, short_name

MATCH = {"batch": 2, "height": 5, "width": 7, "heads": 3, "dim": 8, "radius": 1}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("g++ compiles the plans with the emulator, which is written for Linux")
    return build(tmp_path_factory.mktemp("plan"))


def test_match_attention(program: Path) -> None:
    calls = [("match", {**MATCH, "bytes": size, "backward": backward}) for size in (4, 8) for backward in (0, 1)]
    found = ask(program, calls)
    for kind, size, (forward, backward) in (("float", 4, found[:2]), ("double", 8, found[2:])):
        warps = 2 * 5 * 7 * 3  # one per token, four to a block
        assert forward == [Launch(f"match_forward<{kind}>", -(-warps // 4), 128, 4 * 16 * size, {})]
        assert backward == [
            Launch(f"match_backward_queries<{kind}>", -(-warps // 4), 128, 2 * 4 * 16 * size, {}),
            Launch(f"match_backward_order<{kind}>", 2 * 3, 256, 1024, {}),
            Launch(f"match_backward_pixels<{kind}>", -(-warps // 4), 128, 0, {}),
        ]


@pytest.mark.parametrize(
    ("dtype", "kernel"),
    [
        ("float32", "neighborhood_forward_fma<FmaShape<float"),
        ("float64", "neighborhood_forward_fma<FmaShape<double"),
        ("tf32", "neighborhood_forward_mma<float"),
        ("bfloat16", "neighborhood_forward_mma<BFloat16"),
        ("float16", "neighborhood_forward_mma<Half"),
    ],
)
def test_neighborhood_attention(program: Path, dtype: str, kernel: str) -> None:
    settings = {"heads": 2, "batch": 64, "dim": 32, "dtype": dtype, "architecture": "90", "multiprocessors": 132}
    calls = [neighborhood_call((56, 56), (7, 7), **settings, bias=True, backward=backward) for backward in (0, 1)]
    (forward,), backward = ask(program, calls)
    assert forward.kernel.startswith(kernel) and forward.threads <= 128 and 0 < forward.shared <= 227 << 10
    family = kernel.partition("<")[0].rpartition("_")[2]
    queries, keys = f"neighborhood_backward_queries_{family}", f"neighborhood_backward_keys_{family}"
    names = ["neighborhood_delta", queries, "neighborhood_reduce_bias", keys]
    assert [one.kernel.partition("<")[0] for one in backward] == names


def test_calls_that_are_none(program: Path) -> None:
    with pytest.raises(ValueError, match="no plan for convolution"):
        ask(program, [("convolution", {})])
    with pytest.raises(ValueError, match="no radius in a call of match"):
        ask(program, [("match", {name: number for name, number in MATCH.items() if name != "radius"} | {"bytes": 4})])


def test_names_are_those_of_nvcc() -> None:
    device = "void nbv::(anonymous namespace)::pass<__nv_bfloat16, (int)64, (nbv::Rows)1, __half>(nbv::Pass)"
    host = "void nbv::(anonymous namespace)::pass<nbv::simt::BFloat16, 64, (nbv::Rows)1, nbv::simt::Half>(nbv::Pass)"
    assert short_name(device) == short_name(host) == "pass<BFloat16, 64, 1, Half>"
