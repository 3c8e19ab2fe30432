"""Checks of the arguments of neighborhood attention transformers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def check_stages(
    depths: Sequence[int], num_heads: Sequence[int], embed_dim: int, dilations: Sequence[Sequence[int]] | None
) -> None:
    """Refuse lists whose lengths do not fit, and values that no stage can have; the message names the stage."""
    for name, entries in {"num_heads": num_heads, "dilations": dilations}.items():
        if entries is not None and len(entries) != len(depths):
            raise ValueError(f"{name} must have {len(depths)} entries, one per stage as depths has, got {len(entries)}")
    for i, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        if depth < 1:
            raise ValueError(f"depths of stage {i} must be positive, got {depth}")
        if heads < 1 or (embed_dim * 2**i) % heads:
            raise ValueError(f"num_heads of stage {i} must divide its {embed_dim * 2**i} channels, got {heads}")
        if dilations is None:
            continue
        if len(dilations[i]) != depth:
            raise ValueError(
                f"dilations of stage {i} must have {depth} entries, one per layer, got {len(dilations[i])}: "
                f"{list(dilations[i])}"
            )
        if any(d < 1 for d in dilations[i]):
            raise ValueError(f"dilations of stage {i} must be positive, got {list(dilations[i])}")


def check_ranges(
    stages: int,
    kernel_size: int,
    in_chans: int,
    out_indices: Sequence[int] | None,
    frozen_stages: int,
    global_pool: str,
) -> None:
    """Refuse numbers out of their range."""
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be an odd number from 3 on, got {kernel_size}")
    if in_chans < 1:
        raise ValueError(f"in_chans must be positive, got {in_chans}")
    for index in out_indices if out_indices is not None else ():
        if not -stages <= index < stages:
            raise ValueError(f"out_indices must be from 0 to {stages - 1}, the stages, got {index}")
    if out_indices is not None and not len(out_indices):
        raise ValueError("out_indices must name at least one stage; leave it None for a classifier")
    if not -1 <= frozen_stages <= stages:
        raise ValueError(f"frozen_stages must be from -1 (none) to {stages}, got {frozen_stages}")
    check_pool(global_pool)


def check_last_stride(last_stride: int, possible: Sequence[int], family: str) -> None:
    """Refuse a stride that the model's downsampler cannot have."""
    if last_stride not in possible:
        wanted = " or ".join(map(str, possible))
        raise ValueError(f"last_stride of {family} must be {wanted}, got {last_stride}")


def check_pool(global_pool: str) -> None:
    """Refuse a pooling that there is not."""
    if global_pool not in ("avg", ""):
        raise ValueError(f"global_pool must be 'avg' or '', got {global_pool!r}")


def check_images(images: Tensor, in_chans: int) -> None:
    """Refuse what is no batch of images with so many channels."""
    if images.dim() != 4 or images.shape[1] != in_chans or 0 in images.shape[2:]:
        raise ValueError(f"expected images [B, {in_chans}, H, W] of at least one pixel, got {tuple(images.shape)}")
