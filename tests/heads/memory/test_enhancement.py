"""The enhancement layer against its formula, written out head by head."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from heads.memory import EnhancementLayer


def plain_enhancement(layer: EnhancementLayer, x: Tensor, memory: Tensor) -> Tensor:
    """x + fc(concat_h softmax(W_q x . W_k m / sqrt(C / H)) . (W_v m)), rows `[N, C]` and `[M, C]`."""
    q, k, v = layer.fc_embed(x), layer.ref_fc_embed(memory), layer.ref_fc(memory)
    width = x.shape[1] // layer.num_heads
    heads = []
    for h in range(layer.num_heads):
        part = slice(h * width, (h + 1) * width)
        weights = torch.exp(q[:, part] @ k[:, part].T / math.sqrt(width))
        heads.append(weights / weights.sum(1, keepdim=True) @ v[:, part])
    return x + layer.fc(torch.cat(heads, 1))


def make_layer(channels: int, heads: int, seed: int = 0) -> EnhancementLayer:
    torch.manual_seed(seed)
    return EnhancementLayer(channels, heads).double()


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(0, 9),
    keys=st.integers(0, 9),
    heads=st.sampled_from([1, 2, 4]),
    width=st.integers(1, 6),
    lead=st.sampled_from([(), (1,), (3,), (2, 2), (0,)]),
    shared=st.booleans(),
)
def test_equals_the_formula(rows: int, keys: int, heads: int, width: int, lead: tuple[int, ...], shared: bool) -> None:
    channels = heads * width
    layer = make_layer(channels, heads)
    x = torch.randn(*lead, rows, channels, dtype=torch.float64)
    memory = torch.randn(*(() if shared else lead), keys, channels, dtype=torch.float64)
    out = layer(x, memory)
    assert out.shape == x.shape
    if keys == 0:
        assert torch.equal(out, x)
        return
    batch = math.prod(lead)
    each = memory.expand(*lead, keys, channels).reshape(batch, keys, channels)
    flat = (t.reshape(batch, rows, channels) for t in (out, x))
    for got, one, its in zip(*flat, each, strict=True):
        torch.testing.assert_close(got, plain_enhancement(layer, one, its), rtol=1e-10, atol=1e-10)


def test_gradients_of_features_memory_and_parameters() -> None:
    layer = make_layer(6, 2)
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x, memory))
    names, values = zip(*layer.named_parameters(), strict=True)

    def by_parameters(*parameters: Tensor) -> Tensor:
        return torch.func.functional_call(
            layer, dict(zip(names, parameters, strict=True)), (x.detach(), memory.detach())
        )

    assert torch.autograd.gradcheck(by_parameters, values)


def test_small_golden_numbers() -> None:
    """One head of one channel, by hand: keys 0 and ln 3 for query 1 weigh 1/4 and 3/4."""
    layer = EnhancementLayer(1, 1)
    for linear in (layer.fc_embed, layer.ref_fc_embed, layer.ref_fc, layer.fc):
        torch.nn.init.ones_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    torch.nn.init.constant_(layer.fc.bias, 10.0)
    out = layer(torch.ones(1, 1), torch.tensor([[0.0], [math.log(3)]]))
    assert out.item() == pytest.approx(1 + 10 + 0.75 * math.log(3))


def test_a_memory_of_no_rows_of_any_width_changes_nothing() -> None:
    x = torch.randn(4, 8, requires_grad=True)
    layer = EnhancementLayer(8, 2).eval()
    assert layer(x, torch.empty(0, 0)) is x
    assert layer(x, torch.empty(0, 8)) is x


def test_in_training_without_memory_every_parameter_has_a_gradient_of_zero() -> None:
    """Distributed training hangs or fails where a parameter has none."""
    x = torch.randn(2, 4, 8, requires_grad=True)
    layer = EnhancementLayer(8, 2).train()
    layer.fc.bias.requires_grad_(False)
    out = layer(x, torch.empty(2, 0, 8))
    assert torch.equal(out, x)
    out.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, torch.ones_like(x))
    gradients = {name: p.grad for name, p in layer.named_parameters()}
    assert gradients.pop("fc.bias") is None
    assert len(gradients) == 7 and all(g is not None and not g.any() for g in gradients.values())
    half = layer(x.detach().half(), torch.empty(0, 8))
    assert half.dtype == torch.half and torch.equal(half, x.detach().half())
    with torch.no_grad():
        assert layer(x, torch.empty(0, 8)) is x


def test_parameters_are_named_as_the_authors_do() -> None:
    names = {f"{layer}.{kind}" for layer in ("fc_embed", "ref_fc_embed", "fc", "ref_fc") for kind in ("weight", "bias")}
    assert set(EnhancementLayer(8, 2).state_dict()) == names


@pytest.mark.parametrize(("channels", "heads"), [(10, 4), (0, 1), (4, 0)])
def test_channels_must_divide_among_the_heads(channels: int, heads: int) -> None:
    with pytest.raises(ValueError, match=f"embed_dim={channels}, num_heads={heads}"):
        EnhancementLayer(channels, heads)


def test_wrong_shapes_are_named() -> None:
    layer = EnhancementLayer(8, 2)
    with pytest.raises(ValueError, match=r"must have 8 channels, got \(3, 8\) and \(2, 6\)"):
        layer(torch.zeros(3, 8), torch.zeros(2, 6))
    with pytest.raises(ValueError, match=r"leading sizes of the features \(2, 3, 8\), got \(3, 4, 8\)"):
        layer(torch.zeros(2, 3, 8), torch.zeros(3, 4, 8))


def test_half_precision_stays_near() -> None:
    layer = make_layer(32, 4)
    x, memory = torch.randn(5, 32, dtype=torch.float64), torch.randn(9, 32, dtype=torch.float64)
    expected = layer(x, memory)
    for dtype in (torch.float16, torch.bfloat16):
        out = layer.to(dtype)(x.to(dtype), memory.to(dtype))
        assert out.dtype == dtype
        torch.testing.assert_close(out.double(), expected, rtol=0.05, atol=0.05)
        layer.double()


def test_a_memory_of_another_precision_is_read() -> None:
    layer = make_layer(8, 2)
    x, memory = torch.randn(5, 8).double(), torch.randn(7, 8).bfloat16()
    torch.testing.assert_close(layer(x, memory), layer(x, memory.double()))
