"""Windows and masks against the definition, written out token by token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.ops import neighborhood_mask
from vision.ops.neighborhood.arguments import Axis
from vision.ops.neighborhood.window import axis_table


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int, bool]:
    kernel, dilation = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    length = kernel * dilation + draw(st.integers(0, 12))
    return length, kernel, draw(st.integers(1, kernel)), dilation, draw(st.booleans())


def keys_of(i: int, length: int, kernel: int, stride: int, dilation: int, is_causal: bool) -> list[int]:
    group, p = i % dilation, i // dilation
    size = len(range(group, length, dilation))
    first_of_block = p // stride * stride
    if is_causal:
        start = max(min(first_of_block + stride - 1, size - 1) - kernel + 1, 0)
        positions = range(start, p + 1)
    else:
        start = min(max(min(first_of_block + stride // 2, size - 1) - kernel // 2, 0), size - kernel)
        positions = range(start, start + kernel)
    return [p * dilation + group for p in positions]


@settings(max_examples=60, deadline=None)
@given(axis=axes())
def test_axis_table_is_the_definition(axis: tuple[int, int, int, int, bool]) -> None:
    table = axis_table(Axis(*axis))
    length, kernel, _, dilation, _ = axis
    assert table.keys.shape == table.visible.shape == table.offsets.shape == (length, kernel)
    for i in range(length):
        keys = table.keys[i][table.visible[i]]
        assert keys.tolist() == keys_of(i, *axis)
        assert i in keys
        offsets = table.offsets[i][table.visible[i]]
        assert offsets.tolist() == [(key - i) // dilation + kernel - 1 for key in keys.tolist()]
        assert (table.keys[i][~table.visible[i]] == i).all()
        assert ((table.offsets[i] >= 0) & (table.offsets[i] < 2 * kernel - 1)).all()


@settings(max_examples=30, deadline=None)
@given(first=axes(), second=axes())
def test_mask_is_the_and_of_its_axes(
    first: tuple[int, int, int, int, bool], second: tuple[int, int, int, int, bool]
) -> None:
    shape, *window = zip(first, second, strict=True)
    mask = neighborhood_mask(shape, *window)
    assert mask.shape == (*shape, *shape) and mask.dtype == torch.bool
    for axis, numbers in enumerate((first, second)):
        seen = mask.any(dim=3 - axis).any(dim=1 - axis)  # another axis' queries and keys
        for i in range(numbers[0]):
            assert seen[i].nonzero().flatten().tolist() == keys_of(i, *numbers)
    one = [neighborhood_mask(*numbers) for numbers in (first, second)]
    assert (mask == one[0][:, None, :, None] & one[1][None, :, None, :]).all()


def test_known_masks() -> None:
    assert neighborhood_mask(5, 1).equal(torch.eye(5, dtype=torch.bool))
    assert neighborhood_mask((2, 3), (2, 3)).all()
    assert neighborhood_mask(4, 4, is_causal=True).equal(torch.ones(4, 4, dtype=torch.bool).tril())
    blocks = torch.block_diag(*[torch.ones(2, 2)] * 3).bool()
    assert neighborhood_mask(6, 2, stride=2).equal(blocks)


def test_mask_refuses_windows_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"at most the spatial size \(6, 9\).*kernel_size = \(3, 5\).*\(2, 2\)"):
        neighborhood_mask((6, 9), (3, 5), dilation=2)
