"""A layer of NAT against its formula written out, in inference and in training."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from backbones.neighborhood.block import NeighborhoodBlock
from vision.layers.mlp import Mlp
from vision.ops import na2d

DIM, HEADS, KERNEL = 8, 2, 3


def make(**options) -> NeighborhoodBlock:
    """A block whose every parameter shows in its output."""
    torch.manual_seed(0)
    block = NeighborhoodBlock(DIM, HEADS, KERNEL, mlp_ratio=2.0, **options)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return block


def inputs(*shape: int) -> Tensor:
    return torch.randn(*(shape or (2, 7, 6, DIM)), generator=torch.Generator().manual_seed(1))


def attention(block: NeighborhoodBlock, x: Tensor) -> Tensor:
    """Attention of a block to `[B, H, W, DIM]`, without dropout."""
    attn = block.attn
    qkv = F.linear(x, attn.qkv.weight, attn.qkv.bias)
    q, k, v = (part.unflatten(-1, (HEADS, -1)) for part in qkv.chunk(3, -1))
    out = na2d(q, k, v, KERNEL, dilation=attn.dilation, scale=attn.scale, bias=attn.rpb, backend="reference")
    return F.linear(out.flatten(-2), attn.proj.weight, attn.proj.bias)


def mlp(block: NeighborhoodBlock, x: Tensor) -> Tensor:
    fc1, fc2 = block.mlp.fc1, block.mlp.fc2
    return F.linear(F.gelu(F.linear(x, fc1.weight, fc1.bias)), fc2.weight, fc2.bias)


def formula(block: NeighborhoodBlock, x: Tensor, keep: tuple[Tensor | float, Tensor | float] = (1.0, 1.0)) -> Tensor:
    """The block as in the paper; `keep` scales what the two branches add."""
    gamma1, gamma2 = (1.0 if gamma is None else gamma for gamma in (block.gamma1, block.gamma2))
    x = x + keep[0] * gamma1 * attention(block, F.layer_norm(x, [DIM], block.norm1.weight, block.norm1.bias))
    return x + keep[1] * gamma2 * mlp(block, F.layer_norm(x, [DIM], block.norm2.weight, block.norm2.bias))


def assert_same(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("context", [nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("options", [{}, {"drop_path": 0.5, "drop_rate": 0.5, "attn_drop_rate": 0.5}], ids=["", "drop"])
@pytest.mark.parametrize("more", [{}, {"dilation": 2}, {"qkv_bias": False, "qk_scale": 0.7}], ids=str)
@pytest.mark.parametrize("layer_scale", [None, 0.5])
def test_evaluation_is_the_formula(context, options: dict, more: dict, layer_scale: float | None) -> None:
    block = make(layer_scale=layer_scale, **options, **more).eval()
    x = inputs()
    kept = x.clone()
    with context():
        assert_same(block(x), formula(block, x))
    assert torch.equal(x, kept)


@pytest.mark.parametrize("layer_scale", [None, 0.5])
def test_training_without_any_dropout_is_the_formula(layer_scale: float | None) -> None:
    block = make(layer_scale=layer_scale).train()
    out, expected = block(inputs()), formula(block, inputs())
    assert_same(out, expected)
    weights = inputs(*out.shape)
    wanted = list(block.parameters())
    for got, right in zip(
        torch.autograd.grad((out * weights).sum(), wanted),
        torch.autograd.grad((expected * weights).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(got, right, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("layer_scale", [None, 0.5])
@pytest.mark.parametrize("context", [nullcontext, torch.no_grad])
def test_a_sample_skips_a_branch_or_has_it_scaled_up(context, layer_scale: float | None) -> None:
    block, x = make(layer_scale=layer_scale, drop_path=0.4).train(), inputs(16, 4, 4, DIM)
    torch.manual_seed(3)
    keep = [x.new_empty(16, 1, 1, 1).bernoulli_(0.6) / 0.6 for _ in range(2)]
    assert all(len(k.unique()) == 2 for k in keep)
    torch.manual_seed(3)
    with context():
        assert_same(block(x), formula(block, x, (keep[0], keep[1])))


@pytest.mark.parametrize("layer_scale", [None, 0.5])
def test_dropping_every_path_leaves_the_input(layer_scale: float | None) -> None:
    block = make(layer_scale=layer_scale, drop_path=1.0).train()
    assert torch.equal(block(inputs()), inputs())


def test_dropout_in_the_mlp_follows_either_layer() -> None:
    torch.manual_seed(0)
    layer, x, shortcut = Mlp(DIM, 16, drop_rate=0.3).train(), inputs(50, DIM), inputs(50, DIM) + 1
    torch.manual_seed(3)
    hidden = F.dropout(F.gelu(F.linear(x, layer.fc1.weight, layer.fc1.bias)), 0.3)
    expected = F.dropout(F.linear(hidden, layer.fc2.weight, layer.fc2.bias), 0.3)
    torch.manual_seed(3)
    assert_same(layer(x), expected)
    torch.manual_seed(3)
    assert_same(layer(x, shortcut=shortcut), shortcut + expected)


def test_dropout_spares_the_shortcut() -> None:
    block = make(drop_rate=1.0).train()
    assert torch.equal(block(inputs()), inputs())


def test_dropout_changes_training_alone_and_follows_the_seed() -> None:
    for options in ({"drop_rate": 0.5}, {"attn_drop_rate": 0.5}):
        block = make(**options).train()
        outs = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            outs.append(block(inputs()))
        assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])
        assert_same(block.eval()(inputs()), formula(block, inputs()))
