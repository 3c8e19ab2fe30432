"""Neighborhood attention modules against dense attention with a mask written from the definition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers import NeighborhoodAttention1D, NeighborhoodAttention2D, NeighborhoodAttention3D

MODULES = {1: NeighborhoodAttention1D, 2: NeighborhoodAttention2D, 3: NeighborhoodAttention3D}

CASES = [
    ((13,), {"kernel_size": 5, "dilation": 2, "rel_pos_bias": True}),
    ((9,), {"kernel_size": 4, "stride": 3, "is_causal": True}),
    ((7, 6), {"kernel_size": 3, "dilation": (2, 1), "rel_pos_bias": True}),
    ((6, 8), {"kernel_size": (1, 4), "stride": (1, 2), "rel_pos_bias": True, "qkv_bias": False}),
    ((4, 5, 6), {"kernel_size": (2, 3, 3), "dilation": (2, 1, 2), "is_causal": (True, False, False)}),
]


def make(shape: Sequence[int], heads: int = 2, **options) -> nn.Module:
    torch.manual_seed(0)
    return MODULES[len(shape)](8, heads, **options).double()


def window(length: int, i: int, kernel: int, stride: int, dilation: int, is_causal: bool) -> list[tuple[int, int]]:
    """Keys of query i along one axis, each with the index of its positional bias."""
    group, p = i % dilation, i // dilation
    size = -(-(length - group) // dilation)
    if is_causal:
        start, end = max(min(p // stride * stride + stride - 1, size - 1) - kernel + 1, 0), p + 1
    else:
        start = min(max(min(p // stride * stride + stride // 2, size - 1) - kernel // 2, 0), size - kernel)
        end = start + kernel
    return [(j * dilation + group, j - p + kernel - 1) for j in range(start, end)]


def dense(module: nn.Module, x: Tensor) -> Tensor:
    """The module, token by token; `x` is long enough on every axis."""
    b, *shape, c = x.shape
    q, k, v = module.qkv(x).reshape(b, *shape, 3, module.num_heads, -1).unbind(-3)
    out = torch.zeros_like(q)
    every = slice(None)
    for token in product(*map(range, shape)):
        settings = zip(shape, token, module.kernel_size, module.stride, module.dilation, module.is_causal, strict=True)
        keys = torch.tensor(list(product(*(window(*axis) for axis in settings))))  # [keys, axes, 2]
        places, offsets = keys.unbind(-1)
        # [B, keys, heads, dim] against [B, 1, heads, dim]
        logits = (k[(every, *places.T)] * q[(every, *token)].unsqueeze(1)).sum(-1) * module.scale
        if module.rpb is not None:
            logits = logits + module.rpb[(every, *offsets.T)].T
        out[(every, *token)] = (logits.softmax(1).unsqueeze(-1) * v[(every, *places.T)]).sum(1)
    return module.proj(out.reshape(b, *shape, c))


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_equals_dense_attention(shape: tuple[int, ...], options: dict) -> None:
    module = make(shape, **options)
    x = torch.randn(2, *shape, 8, dtype=torch.float64)
    torch.testing.assert_close(module(x), dense(module, x))


@pytest.mark.parametrize(("shape", "padded"), [((5, 9), (6, 9)), ((6, 4), (6, 6)), ((1, 1), (6, 6))])
def test_small_inputs_equal_inputs_padded_by_hand(shape: tuple[int, int], padded: tuple[int, int]) -> None:
    module = make(shape, kernel_size=3, dilation=2, rel_pos_bias=True)
    x = torch.randn(2, *shape, 8, dtype=torch.float64)
    full = F.pad(x, (0, 0, 0, padded[1] - shape[1], 0, padded[0] - shape[0]))
    torch.testing.assert_close(module(x), dense(module, full)[:, : shape[0], : shape[1]])


def test_small_inputs_without_padding_are_refused() -> None:
    module = make((5, 9), kernel_size=3, dilation=2, pad_small_inputs=False)
    with pytest.raises(ValueError, match=r"at most the spatial size \(5, 9\)"):
        module(torch.randn(1, 5, 9, 8, dtype=torch.float64))


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_dropout_takes_the_same_attention(shape: tuple[int, ...], options: dict) -> None:
    module = make(shape, attn_drop=1e-300, **options)  # more than none, and yet nothing is dropped
    x = torch.randn(2, *shape, 8, dtype=torch.float64)
    torch.testing.assert_close(module.train()(x), module.eval()(x))


def test_dropout_drops_in_training_alone() -> None:
    module = make((9, 9), kernel_size=3, attn_drop=0.5)
    x = torch.randn(1, 9, 9, 8, dtype=torch.float64)
    assert not torch.equal(module(x), module(x))
    module.eval()
    torch.testing.assert_close(module(x), dense(module, x))


@pytest.mark.parametrize("attn_drop", [0.0, 0.25])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_parameter_gets_a_gradient(rank: int, attn_drop: float) -> None:
    module = make((6,) * rank, kernel_size=3, rel_pos_bias=True, attn_drop=attn_drop)
    x = torch.randn(2, *(6,) * rank, 8, dtype=torch.float64, requires_grad=True)
    module(x).square().sum().backward()
    for name, parameter in [*module.named_parameters(), ("x", x)]:
        assert parameter.grad is not None and parameter.grad.any() and parameter.grad.isfinite().all(), name


def test_gradients_equal_those_of_dense_attention() -> None:
    module = make((7, 6), kernel_size=3, dilation=2, rel_pos_bias=True)
    x = torch.randn(1, 7, 6, 8, dtype=torch.float64)
    weight = torch.randn(1, 7, 6, 8, dtype=torch.float64)
    found = torch.autograd.grad((module(x) * weight).sum(), list(module.parameters()))
    expected = torch.autograd.grad((dense(module, x) * weight).sum(), list(module.parameters()))
    torch.testing.assert_close(found, expected)


def test_parameters_are_named_as_in_the_official_checkpoints() -> None:
    shapes = {
        name: tuple(value.shape) for name, value in make((7, 7), kernel_size=7, rel_pos_bias=True).state_dict().items()
    }
    assert shapes == {
        "rpb": (2, 13, 13),
        "qkv.weight": (24, 8),
        "qkv.bias": (24,),
        "proj.weight": (8, 8),
        "proj.bias": (8,),
    }
    assert set(make((7, 7), kernel_size=7, qkv_bias=False).state_dict()) == {"qkv.weight", "proj.weight", "proj.bias"}


def test_the_positional_bias_starts_small_and_does_not_decay() -> None:
    module = make((7, 7), heads=8, kernel_size=7, rel_pos_bias=True)
    assert 0.015 < module.rpb.std() < 0.025
    assert module.no_weight_decay() == {"rpb"}
    assert make((7, 7), kernel_size=7).no_weight_decay() == set()


def test_compiles_to_one_graph() -> None:
    module = make((9, 9), kernel_size=3, dilation=2, rel_pos_bias=True).eval()
    x = torch.randn(2, 9, 9, 8, dtype=torch.float64)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), module(x))


@pytest.mark.parametrize("shape", [(9, 9), (4, 9)])
def test_exports(shape: tuple[int, int]) -> None:
    module = make(shape, kernel_size=3, dilation=2, rel_pos_bias=True).eval()
    x = torch.randn(2, *shape, 8, dtype=torch.float64)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    more = torch.randn(5, *shape, 8, dtype=torch.float64)
    torch.testing.assert_close(program.module()(more), module(more))


def test_an_empty_batch_stays_empty() -> None:
    assert make((5, 5), kernel_size=3)(torch.zeros(0, 5, 5, 8, dtype=torch.float64)).shape == (0, 5, 5, 8)


def test_autocast_lowers_the_positional_bias_too() -> None:
    module = NeighborhoodAttention2D(8, 2, 3, rel_pos_bias=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = module(torch.randn(1, 5, 5, 8))
    assert out.dtype == torch.bfloat16 and out.isfinite().all()
    out.float().sum().backward()
    assert module.rpb is not None and module.rpb.grad is not None and module.rpb.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_heads": 3}, ValueError, "embed_dim must be a positive multiple of num_heads = 3, got 8"),
        ({"kernel_size": 3.0}, TypeError, r"kernel_size must be an integer or 2 integers, got 3\.0"),
        ({"kernel_size": (3, 3, 3)}, ValueError, "kernel_size must be an integer or 2 integers, one per axis"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1, got 0"),
        ({"dilation": (1, -1)}, ValueError, r"dilation must be at least 1, got \(1, -1\)"),
        ({"stride": 4}, ValueError, r"stride must be from 1 to kernel_size = \(3, 3\), got \(4, 4\)"),
        ({"is_causal": 1}, TypeError, "is_causal must be a flag"),
        ({"is_causal": (True,)}, ValueError, "is_causal must be a flag or 2 flags, one per axis"),
    ],
)
def test_wrong_settings(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        NeighborhoodAttention2D(**{"embed_dim": 8, "num_heads": 2, "kernel_size": 3, **options})


def test_wrong_inputs() -> None:
    module = NeighborhoodAttention2D(8, 2, 3)
    with pytest.raises(ValueError, match=r"NeighborhoodAttention2D takes \[B, H, W, 8\], got \(1, 5, 8\)"):
        module(torch.zeros(1, 5, 8))
    with pytest.raises(ValueError, match=r"got \(1, 5, 5, 7\)"):
        module(torch.zeros(1, 5, 5, 7))


def test_repr_names_what_is_not_the_default() -> None:
    plain, full = (
        repr(NeighborhoodAttention1D(8, 2, 3)),
        repr(make((9,), kernel_size=3, dilation=2, stride=2, is_causal=True)),
    )
    assert "8, num_heads=2, kernel_size=(3,)" in plain and "dilation" not in plain
    assert "stride=(2,), dilation=(2,), is_causal=(True,)" in full
