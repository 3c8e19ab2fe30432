"""Dilations of a neighborhood attention hierarchy, by the rule of DiNAT (arXiv 2209.15001)."""

from __future__ import annotations

from collections.abc import Sequence

STEM_STRIDE = 4


def recommend_dilations(
    image_size: int | tuple[int, int],
    kernel_size: int = 7,
    depths: Sequence[int] = (3, 4, 6, 5),
) -> list[list[int]]:
    """Dilations for images of a size: every other layer sees its whole stage, the others their nearest neighbors.

    The dilated layers take `floor(stage size / kernel_size)`, the largest dilation whose window fits; in a stage of
    less than twice the kernel's size all layers have dilation 1.

    Args:
        image_size: pixels, one number or height and width; the shorter side counts.
        kernel_size: tokens of the window along a side.
        depths: layers of every stage; stage `i` has stride `4 * 2**i`.

    Returns:
        One list per stage with one dilation per layer: `[1, d, 1, d, ...]`.

    Raises:
        ValueError: a size, kernel or depth is not positive.
    """
    side = min(image_size) if isinstance(image_size, Sequence) else image_size
    if side < 1 or kernel_size < 1 or not depths or min(depths) < 1:
        raise ValueError(
            f"image_size, kernel_size and depths must be positive, got {image_size}, {kernel_size}, {tuple(depths)}"
        )
    dilations = []
    for stage, depth in enumerate(depths):
        tokens = -(-side // (STEM_STRIDE * 2**stage))
        widest = max(1, tokens // kernel_size)
        dilations.append([widest if layer % 2 else 1 for layer in range(depth)])
    return dilations
