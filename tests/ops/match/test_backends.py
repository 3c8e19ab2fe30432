"""The choice of a backend of match attention; what the backends compute is compared in test_attention."""

from __future__ import annotations

import pytest
import torch

from vision.ops import match_attention
from vision.ops.common import kernels
from vision.ops.common.backends import describe, find, select
from vision.ops.match.arguments import Call
from vision.ops.match.backends import BACKENDS


def make_call(radius: int = 1) -> Call:
    grid = torch.zeros(1, 40, 40, 1, 4)
    return Call(grid, grid, grid, torch.zeros(1, 40, 40, 1, 2), radius, radius, 0.5)


def test_description_is_in_order_of_preference() -> None:
    assert [name for name, _, _ in describe(BACKENDS)] == ["native", "reference"]
    assert find(BACKENDS, "native").missing() == kernels.missing()
    assert find(BACKENDS, "reference").missing() is None


def test_default_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_MISSING", None)
    assert select(BACKENDS, None, make_call()).name == "native"
    assert select(BACKENDS, None, make_call(16)).name == "reference"  # a window too large for the kernels
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert select(BACKENDS, None, make_call()).name == "reference"
    assert select(BACKENDS, "native", make_call()).name == "native"


def test_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_MISSING", "vision._C is not built: the command")
    x, offset = torch.randn(1, 4, 5, 2, 3), torch.full((1, 4, 5, 2, 2), 1.5)
    expected = match_attention(x, x, x, offset, 1, backend="reference")
    torch.testing.assert_close(match_attention(x, x, x, offset, 1), expected)
    with pytest.raises(RuntimeError, match=r"'native' cannot do this call: vision\._C is not built: the command"):
        match_attention(x, x, x, offset, 1, backend="native")
