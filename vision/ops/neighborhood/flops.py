"""What torch's FLOP counter needs to know about the operators; importing this module tells it.

`vision.ops` imports it once `torch.utils.flop_counter` is imported, before or after.

Counted are the products of queries with keys and of weights with values, two FLOP per multiply-accumulate, for every
slot of every window: `prod(kernel_size)` and the additional keys. Bias and softmax are not, as with attention in torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

import vision.ops.neighborhood.bilinear
import vision.ops.neighborhood.native  # noqa: F401 - both define operators

# Five products instead of two: the logits again, and the gradients of weights, values, queries and keys.
_BACKWARD_SHARE = 2.5


def attention_flop(
    query: Sequence[int],
    key: Sequence[int],
    value: Sequence[int],
    bias: Sequence[int] | None,
    additional_keys: Sequence[int] | None,
    additional_values: Sequence[int] | None,
    kernel_size: Sequence[int],
    *numbers: Any,
    **_: Any,
) -> int:
    """FLOP of the forward pass from the shapes of the operator's tensors; the counter passes them in this order."""
    slots = math.prod(kernel_size) + (additional_keys[1] if additional_keys is not None else 0)
    return 2 * math.prod(query[:-1]) * slots * (query[-1] + value[-1])


def attention_backward_flop(
    grad_output: Sequence[int],
    grad_lse: Sequence[int],
    query: Sequence[int],
    key: Sequence[int],
    value: Sequence[int],
    bias: Sequence[int] | None,
    additional_keys: Sequence[int] | None,
    additional_values: Sequence[int] | None,
    output: Sequence[int],
    lse: Sequence[int],
    kernel_size: Sequence[int],
    *numbers: Any,
    **_: Any,
) -> int:
    """FLOP of the backward pass: 2.5 times those of the forward pass."""
    tensors = (query, key, value, bias, additional_keys, additional_values)
    return int(_BACKWARD_SHARE * attention_flop(*tensors, kernel_size))


def qk_flop(query: Sequence[int], key: Sequence[int], kernel_size: Sequence[int], *numbers: Any, **_: Any) -> int:
    """FLOP of the logits of windows."""
    return 2 * math.prod(query) * math.prod(kernel_size)


def av_flop(attn: Sequence[int], value: Sequence[int], *numbers: Any, **_: Any) -> int:
    """FLOP of the sums of values, or of what is summed into values."""
    return 2 * math.prod(attn) * value[-1]


_FORMULAS: dict[Any, Callable[..., int]] = {
    torch.ops.nbv.neighborhood_attention: attention_flop,
    torch.ops.nbv.neighborhood_attention_backward: attention_backward_flop,
    torch.ops.nbv.neighborhood_qk: qk_flop,
    torch.ops.nbv.neighborhood_av: av_flop,
    torch.ops.nbv.neighborhood_av_transposed: av_flop,
}
for _operator, _formula in _FORMULAS.items():
    register_flop_formula(_operator)(_formula)
