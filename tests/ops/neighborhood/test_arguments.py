"""A wrong argument is refused with its value and the valid range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vision.ops import match_attention, na1d, na2d, na2d_av, na2d_qk, na3d, neighborhood_mask

X = torch.zeros(2, 6, 7, 4, 8)

NUMBERS = [
    ({"kernel_size": 3.0}, TypeError, "kernel_size must be an integer or 2 integers, got 3.0"),
    ({"kernel_size": (3, 3.0)}, TypeError, r"kernel_size must be an integer or 2 integers, got \(3, 3.0\)"),
    ({"kernel_size": True}, TypeError, "kernel_size must be an integer or 2 integers, got True"),
    ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1, got 0"),
    ({"kernel_size": (3, 3, 3)}, ValueError, r"2 integers, one per axis, got \(3, 3, 3\)"),
    ({"kernel_size": 7}, ValueError, r"at most the spatial size \(6, 7\).*\(7, 7\).*\(1, 1\).*pad_small_inputs"),
    ({"dilation": 3}, ValueError, r"at most the spatial size \(6, 7\).*\(3, 3\).*smaller dilation"),
    ({"dilation": 0}, ValueError, "dilation must be at least 1, got 0"),
    ({"dilation": "1"}, TypeError, "dilation must be an integer or 2 integers, got '1'"),
    ({"stride": 4}, ValueError, r"stride must be from 1 to kernel_size = \(3, 3\), got \(4, 4\)"),
    ({"stride": (0, 1)}, ValueError, r"stride must be at least 1, got \(0, 1\)"),
    ({"is_causal": 1}, TypeError, "is_causal must be a flag or 2 flags, got 1"),
    ({"is_causal": (True,)}, ValueError, r"is_causal must be a flag or 2 flags, one per axis, got \(True,\)"),
]
TENSORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"query": X[0]}, ValueError, r"query must be \[B, axis 1, axis 2, heads, dim\].*\(6, 7, 4, 8\)"),
    ({"query": None}, TypeError, "query must be a tensor, got NoneType"),
    ({"query": X.int()}, TypeError, "query must be float32, float64, bfloat16 or float16, got torch.int32"),
    ({"key": X.double()}, TypeError, "key must have the dtype torch.float32 of query, got torch.float64"),
    ({"value": X.to("meta")}, ValueError, "value must be on cpu as query, got meta"),
    ({"key": X[:, :5]}, ValueError, r"key must have .*\(2, 6, 7\) of query, got \(2, 5, 7\)"),
    ({"key": X[..., :7]}, ValueError, "key must have the head dim 8 of query, got 7"),
    ({"key": X[..., :3, :]}, ValueError, "heads of key must divide the 4 heads of query, got 3"),
    ({"value": X[..., :2, :]}, ValueError, "value must have the 4 heads of key, got 2"),
    ({"value": X[..., :0]}, ValueError, "value must have at least one head and one channel"),
    ({"bias": torch.zeros(4, 5, 3)}, ValueError, r"bias must be .* = \(4, 5, 5\), got \(4, 5, 3\)"),
    ({"bias": torch.zeros(4, 5, 5).half()}, TypeError, "bias must have the dtype torch.float32"),
    ({"additional_keys": torch.zeros(2, 3, 4, 8)}, ValueError, "additional_keys and additional_values must be given"),
    (
        {"additional_keys": torch.zeros(2, 3, 4, 7), "additional_values": torch.zeros(2, 3, 4, 8)},
        ValueError,
        r"additional_keys must be \[2, S, 4, 8\], got shape \(2, 3, 4, 7\)",
    ),
    (
        {"additional_keys": torch.zeros(2, 3, 4, 8), "additional_values": torch.zeros(2, 2, 4, 8)},
        ValueError,
        "additional_values must hold as many tokens as additional_keys, 3, got 2",
    ),
    ({"scale": "1"}, TypeError, "scale must be a number or None, got '1'"),
    ({"backend": "fast"}, ValueError, "backend must be None or one of .*'native'.*'reference'.*, got 'fast'"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), NUMBERS + TENSORS)
def test_wrong_argument_is_named(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"query": X, "key": X, "value": X, "kernel_size": 3, **wrong}
    with pytest.raises(error, match=message):
        na2d(**arguments)


@pytest.mark.parametrize(("wrong", "error", "message"), NUMBERS)
def test_wrong_argument_is_named_by_the_unfused_pair(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        na2d_qk(**{"query": X, "key": X, "kernel_size": 3, **wrong})
    with pytest.raises(error, match=message):
        na2d_av(**{"attn": torch.zeros(2, 6, 7, 4, 9), "value": X, "kernel_size": 3, **wrong})


def test_unfused_output_counts_weights() -> None:
    with pytest.raises(
        ValueError, match="attn must have 9 weights of a window \\+ 2 of additional tokens per query, got 9"
    ):
        na2d_av(torch.zeros(2, 6, 7, 4, 9), X, 3, additional_values=torch.zeros(2, 2, 4, 8))
    with pytest.raises(TypeError, match=r"value must have the dtype torch\.float16 of attn"):
        na2d_av(torch.zeros(2, 6, 7, 4, 9).half(), X, 3)


def test_other_ranks_name_their_axes() -> None:
    with pytest.raises(ValueError, match=r"query must be \[B, axis 1, heads, dim\] \(4 dimensions\)"):
        na1d(X, X, X, 3)
    with pytest.raises(ValueError, match=r"query must be \[B, axis 1, axis 2, axis 3, heads, dim\]"):
        na3d(X, X, X, 3)


def test_forms_of_numbers_are_equal() -> None:
    q: Tensor = torch.randn(2, 6, 7, 4, 8)
    expected = na2d(q, q, q, (3, 3), (2, 2), (2, 2), (True, True), 8**-0.5)
    assert na2d(q, q, q, 3, 2, 2, True).equal(expected)
    assert na2d(q, q, q, [3, 3], torch.Size([2, 2]), [2, 2], [True, True]).equal(expected)


def test_none_is_the_default() -> None:
    q: Tensor = torch.randn(2, 6, 7, 4, 8)
    assert na2d(q, q, q, 3, None, None, None, None).equal(na2d(q, q, q, 3))
    assert na2d_qk(q, q, 3, None, None, None).equal(na2d_qk(q, q, 3))
    assert neighborhood_mask((6, 7), 3, None, None, None).equal(neighborhood_mask((6, 7), 3))
    with pytest.raises(TypeError, match="kernel_size must be an integer or 2 integers, got None"):
        na2d(q, q, q, None)  # type: ignore[arg-type]


def test_numbers_of_numpy() -> None:
    q: Tensor = torch.randn(2, 6, 7, 4, 8)
    expected = na2d(q, q, q, 3, 2, 2, True, 0.25)
    two = np.int64(2)
    assert na2d(q, q, q, np.int32(3), two, (two, 2), np.bool_(True), np.float32(0.25)).equal(expected)  # type: ignore[arg-type]
    assert na2d(q, q, q, np.array([3, 3]), np.array([2, 2]), 2, np.array([True, True]), 0.25).equal(expected)  # type: ignore[arg-type]
    radius = np.array([1, 2])
    offset = torch.zeros(2, 6, 7, 4, 2)
    assert match_attention(q, q, q, offset, radius)[0].equal(match_attention(q, q, q, offset, (1, 2))[0])  # type: ignore[arg-type]
    for wrong in (np.float64(3), np.bool_(True), np.array([3.0, 3.0]), np.array([[3, 3]])):
        with pytest.raises(TypeError, match="kernel_size must be an integer or 2 integers"):
            na2d(q, q, q, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is_causal must be a flag or 2 flags"):
        na2d(q, q, q, 3, is_causal=np.int64(1))  # type: ignore[arg-type]


class WholeWidth(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return na2d(x, x, x, (3, x.shape[2]))


@pytest.mark.parametrize("strict", [False, True])
def test_a_kernel_size_from_a_shape_can_be_exported(strict: bool) -> None:
    x = torch.randn(2, 6, 5, 2, 8)
    auto = torch.export.Dim.AUTO
    program = torch.export.export(WholeWidth(), (x,), dynamic_shapes=({0: auto, 1: auto, 2: auto},), strict=strict)
    taller = torch.randn(3, 9, 5, 2, 8)
    torch.testing.assert_close(program.module()(taller), WholeWidth()(taller))


def test_a_kernel_size_from_a_shape_can_be_compiled() -> None:
    torch._dynamo.reset()
    run = torch.compile(WholeWidth(), backend="eager", fullgraph=True, dynamic=True)
    for width in (5, 7):
        x = torch.randn(2, 6, width, 2, 8)
        torch.testing.assert_close(run(x), WholeWidth()(x))


def test_zero_is_a_scale() -> None:
    q = torch.randn(1, 6, 7, 4, 8)
    mean = na2d(q, q, q, (1, 7), scale=0.0)
    torch.testing.assert_close(mean, q.mean(2, keepdim=True).expand_as(q))
