"""torch's FLOP counter knows the operators, whichever is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vision.ops import na2d_av, na2d_qk

ROOT = Path(__file__).parents[3]
IMPORTS = ["from torch.utils.flop_counter import FlopCounterMode", "from vision.ops import na2d"]


def run(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout


@pytest.mark.parametrize("imports", [IMPORTS, IMPORTS[::-1]], ids=["counter first", "operators first"])
def test_nothing_else_must_be_imported(imports: list[str]) -> None:
    lines = (
        "import torch",
        *imports,
        "x = torch.randn(1, 8, 8, 2, 8)",
        "with FlopCounterMode(display=False) as counter: na2d(x, x, x, 3)",
        "print(counter.get_total_flops())",
    )
    assert run("\n".join(lines)) == f"{2 * 2 * 64 * 2 * 9 * 8}\n"


def test_who_does_not_count_imports_no_counter() -> None:
    assert run("import sys, vision.ops; print('torch.utils.flop_counter' in sys.modules)") == "False\n"


def test_the_unfused_pair_is_counted() -> None:
    query, key, value = torch.randn(2, 6, 7, 4, 8), torch.randn(2, 6, 7, 2, 8), torch.randn(2, 6, 7, 2, 5)
    inputs: list[Tensor] = [x.requires_grad_() for x in (query, key, value)]
    queries, slots = 2 * 6 * 7 * 4, 3 * 5
    with FlopCounterMode(display=False) as forward:
        out = na2d_av(na2d_qk(query, key, (3, 5)).softmax(-1), value, (3, 5))
    assert forward.get_total_flops() == 2 * queries * slots * (8 + 5)
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(out.sum(), inputs)
    assert backward.get_total_flops() == 2 * forward.get_total_flops()
