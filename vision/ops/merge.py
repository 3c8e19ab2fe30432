"""Attention over a union of keys from attentions over its disjoint parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def merge_attentions(outputs: Sequence[Tensor], lses: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Join what the same queries got from different keys, as if one softmax had run over all of them.

    Args:
        outputs: `[..., dim]` each.
        lses: natural logarithm of the softmax's denominator, `[...]` each; -inf where a part had no key, and its
            output is not read.

    Returns:
        Output and LSE of the union; zero and -inf where no part had a key.

    Raises:
        ValueError: there are none, or not as many outputs as lses, or shapes do not fit.
    """
    if len(outputs) != len(lses) or not outputs:
        raise ValueError(f"outputs and lses must be of equal number, at least 1, got {len(outputs)} and {len(lses)}")
    shape = outputs[0].shape
    for out, lse in zip(outputs, lses, strict=True):
        if out.shape != shape or lse.shape != shape[:-1]:
            raise ValueError(
                f"outputs must have shape {tuple(shape)} and lses {tuple(shape[:-1])}, got {tuple(out.shape)} and "
                f"{tuple(lse.shape)}"
            )
    stacked = torch.stack(list(lses))
    top = stacked.detach().amax(0)
    empty = top == -torch.inf
    weights = (stacked - top.masked_fill(empty, 0)).exp()
    total = weights.sum(0).masked_fill(empty, 1)  # 1: its logarithm has a gradient
    lse = (top + total.log()).masked_fill(empty, -torch.inf)
    shares = (weights / total).unsqueeze(-1)
    # A share of zero does not do it: the output of a part without keys may be NaN.
    parts = [
        share * out.masked_fill((part == -torch.inf).unsqueeze(-1), 0)
        for part, share, out in zip(lses, shares, outputs, strict=True)
    ]
    return torch.stack(parts).sum(0).to(outputs[0].dtype), lse
