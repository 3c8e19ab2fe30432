"""Classified images, read and augmented by timm."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset


class TimmImageDataset(Dataset[dict[str, Any]]):
    """One folder per class, through timm's reader and timm's transforms.

    An item is `dict(inputs, label)`: `inputs` a normalized float tensor `[3, H, W]`, `label` the index of the folder's
    name among `classes`. A file that cannot be read is replaced by the next one, with a warning of timm's.

    Args:
        data_root: folder of the set, such as ImageNet's with `train` and `val` in it.
        split: folder in `data_root` that holds the classes' folders; "" where `data_root` holds them itself.
        transform: arguments of `timm.data.create_transform`, such as `dict(input_size=224, is_training=True)`.
        classes: the classes in order; by default the folders' names in natural order. Give it where a split lacks a
            class; folders of other names are left out.

    Raises:
        ValueError: the folder is missing or holds no image.
    """

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str = "train",
        transform: dict[str, Any] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        from timm.data import ImageDataset, create_transform

        folder = Path(data_root) / split
        if not folder.is_dir():
            raise ValueError(f"no folder {folder}: expected images as {folder}/<class>/<name>.jpg")
        # Configs hold lists, torchvision wants tuples.
        arguments: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in (transform or {}).items()
        }
        try:
            self.images = ImageDataset(
                str(folder),
                class_map="" if classes is None else {name: i for i, name in enumerate(classes)},
                transform=_with_a_bit_left(create_transform(**arguments)),
            )
        except RuntimeError as error:
            raise ValueError(f"{folder} holds no image: {error}") from error
        self.metainfo = {"classes": tuple(self.images.reader.class_to_idx)}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Read, augment and normalize one image."""
        image, label = self.images[index]
        return {"inputs": image, "label": label}


def _with_a_bit_left(transform: Any) -> Any:
    """Let posterizing keep one bit at least.

    At its highest magnitude timm asks for none, which made a black image until Pillow 13 began to refuse it.
    """
    for step in transform.transforms:
        policies = getattr(step, "policy", [])  # of AutoAugment; RandAugment and AugMix have ops alone
        for op in [*getattr(step, "ops", []), *(op for policy in policies for op in policy)]:
            if op.name.startswith("Posterize"):
                op.level_fn = functools.partial(_at_least_one, op.level_fn)
    return transform


def _at_least_one(level_fn: Callable[..., tuple[int]], level: float, hparams: dict[str, Any]) -> tuple[int]:
    return (max(1, level_fn(level, hparams)[0]),)
