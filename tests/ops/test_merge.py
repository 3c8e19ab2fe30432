"""merge_attentions against one softmax over all keys."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vision.ops import merge_attentions


def attention(logits: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    return logits.softmax(-1) @ values, logits.logsumexp(-1)


def test_merge_is_one_softmax() -> None:
    logits, values = torch.randn(2, 5, 12, dtype=torch.float64) * 30, torch.randn(2, 12, 3, dtype=torch.float64)
    parts = [attention(logits[..., part], values[:, part]) for part in (slice(0, 4), slice(4, 5), slice(5, 12))]
    out, lse = merge_attentions(*zip(*parts, strict=True))
    expected = attention(logits, values)
    torch.testing.assert_close(out, expected[0])
    torch.testing.assert_close(lse, expected[1])


def test_merge_is_differentiable_and_stable() -> None:
    outs = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    lses = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o, m: merge_attentions(o.unbind(0), m.unbind(0)), (outs, lses))
    assert torch.autograd.gradgradcheck(lambda o, m: merge_attentions(o.unbind(0), m.unbind(0)), (outs, lses))
    out, lse = merge_attentions([outs[0], outs[1]], [lses[0] + 1e4, lses[1] + 1e4])
    assert out.isfinite().all() and lse.isfinite().all()


def test_part_without_keys_is_not_read() -> None:
    out = torch.randn(2, 3, requires_grad=True)
    lse = torch.tensor([0.5, -torch.inf], requires_grad=True)
    empty = torch.full((2, 3), torch.nan, requires_grad=True)
    none = torch.full((2,), -torch.inf, requires_grad=True)
    merged, total = merge_attentions([out, empty], [lse, none])
    assert merged[0].equal(out[0]) and total.equal(lse)
    assert (merged[1] == 0).all()
    grads = torch.autograd.grad(merged.sum() + total[0], (out, lse, empty, none))
    assert all(grad.isfinite().all() for grad in grads)
    assert (grads[0][0] == 1).all() and (grads[2] == 0).all()


def test_merge_keeps_the_dtype_of_outputs() -> None:
    out, lse = merge_attentions([torch.ones(2, 3).bfloat16()] * 2, [torch.zeros(2)] * 2)
    assert out.dtype == torch.bfloat16 and lse.dtype == torch.float32
    torch.testing.assert_close(lse, torch.full((2,), 2.0).log())


@pytest.mark.parametrize(
    ("outputs", "lses", "message"),
    [
        ([], [], "at least 1, got 0 and 0"),
        ([torch.zeros(2, 3)], [], "got 1 and 0"),
        ([torch.zeros(2, 3), torch.zeros(2, 4)], [torch.zeros(2)] * 2, r"shape \(2, 3\).*got \(2, 4\)"),
        ([torch.zeros(2, 3)], [torch.zeros(3)], r"lses \(2,\), got \(2, 3\) and \(3,\)"),
    ],
)
def test_merge_refuses(outputs: list[Tensor], lses: list[Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        merge_attentions(outputs, lses)
