"""Data set of real and generated images for training and testing forgery detectors."""

from __future__ import annotations

import copy
import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import Dataset

from vision.datasets.augment import CenterCrop, Compose, RandomCrop, RandomFlip, Transform
from vision.datasets.camera import RandomCamera as RandomCamera
from vision.datasets.checks import checked_prob
from vision.datasets.forgery.folders import Sample, list_samples
from vision.datasets.forgery.verify import find_broken
from vision.datasets.rng import item_generator
from vision.datasets.upsampling import RandomUpsampler as RandomUpsampler
from vision.images import MAX_PIXELS, ImageError, read_image


class ForgeryDataset(Dataset[dict[str, Any]]):
    """Images of a tree in one of the field's layouts, cropped to one size and never resized to it.

    An item is `dict(inputs, label, source, path)`: `inputs` a uint8 tensor `[3, H, W]` RGB, `label` 0 real or 1
    generated. Images smaller than the crop are reflected, or tiled, up to its size. Random choices depend on torch's
    seed alone: the same seed repeats them, other workers and epochs make others.

    Args:
        data_root: folder of the set; see `vision.datasets.forgery.folders` for the layouts.
        layout, split, include_sources, exclude_sources, classes: as in `vision.datasets.forgery.folders.list_samples`.
        split_by_stem: `(fold, num_folds, "train" | "val")` keeps all but one fold, or this fold alone. Images of one
            source that share a file name without suffix, such as the halves of an aligned pair, share the fold.
        max_per_source: keep at most this many images of each class of each source, evenly spaced.
        crop_size: height and width of the crop; None keeps whole images (then use batches of 1).
        test_mode: central instead of random crop, and no default flip.
        transforms: callables `(image, rng) -> image` or dicts for `Compose`, applied before the final crop, to both
            classes alike. By default a horizontal flip in training and nothing in testing.
        real_transforms: come before these on real images alone: what cameras do, and generators do not.
        pseudo_transforms: turn a real image into one that counts as generated, such as `RandomUpsampler`.
        pseudo_prob: share of generated images in whose place such a one is given.
        verify: check files at construction: `none`, `header` (size and format) or `full` (decode everything).
        max_pixels: refuse larger images.
        cache: decode all at construction and keep it: 3 bytes per pixel, 0.2 MB for 256x256. Implies a full check.
            Forked workers share the memory.

    Attributes:
        samples: what was found and is usable. `labels` and `sources` are its columns.
        rejected: (path, reason) of the files that are not usable. A file that breaks later is replaced, when it is
            read, by another image of its class and source, with one warning.
    """

    metainfo: ClassVar[dict[str, Any]] = {"classes": ("real", "ai-generated")}

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        layout: str = "auto",
        split: str | None = None,
        include_sources: Sequence[str] | None = None,
        exclude_sources: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        split_by_stem: tuple[int, int, str] | None = None,
        max_per_source: int | None = None,
        crop_size: int | tuple[int, int] | None = 256,
        test_mode: bool = False,
        transforms: Sequence[Transform | dict[str, Any]] | Transform | None = None,
        verify: str = "header",
        max_pixels: int = MAX_PIXELS,
        cache: bool = False,
        real_transforms: Sequence[Transform | dict[str, Any]] = (),
        pseudo_transforms: Sequence[Transform | dict[str, Any]] = (),
        pseudo_prob: float = 0.0,
    ) -> None:
        samples = list_samples(data_root, layout, split, include_sources, exclude_sources, classes)
        if split_by_stem is not None:
            samples = select_fold(samples, *split_by_stem)
        if max_per_source is not None:
            samples = thin_out(samples, max_per_source)
        self.max_pixels = max_pixels
        self.test_mode = test_mode
        self.transform = _pipeline(transforms, test_mode)
        self.real_transform, self.pseudo_transform = Compose(real_transforms), Compose(pseudo_transforms)
        self.pseudo_prob = checked_prob(pseudo_prob)
        self.crop = None if crop_size is None else (CenterCrop if test_mode else RandomCrop)(crop_size)
        self.cache: list[np.ndarray] | None = None
        self.samples, self.rejected = self._usable(samples, verify, cache)
        if not self.samples:
            raise ValueError(f"{data_root}: all {len(samples)} images are unusable, the first: {self.rejected[0]}")
        self.labels = np.array([sample.label for sample in self.samples], dtype=np.int64)
        self.sources = [sample.source for sample in self.samples]
        self._peers: dict[tuple[int, str], list[int]] = defaultdict(list)
        for index, sample in enumerate(self.samples):
            self._peers[sample.label, sample.source].append(index)
        self._real_sources = [np.array(peers) for (label, _), peers in self._peers.items() if label == 0]
        if self.pseudo_prob and not self._real_sources:
            raise ValueError(f"pseudo_prob is {pseudo_prob}, but {data_root} has no real images to make others of")
        self._broken: set[int] = set()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = item_generator(index)
        is_pseudo = self.labels[index] == 1 and rng.random() < self.pseudo_prob
        if is_pseudo:
            index = self._real_index(rng)
        image, index = self._image(index)
        own = self.pseudo_transform if is_pseudo else self.real_transform if self.labels[index] == 0 else None
        image = self.transform(image if own is None else own(image, rng), rng)
        if self.crop is not None:
            image = self.crop(image, rng)
        sample = self.samples[index]
        inputs = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        label = 1 if is_pseudo else sample.label
        return {"inputs": inputs, "label": label, "source": sample.source, "path": sample.path}

    def with_transforms(self, transforms: Sequence[Transform | dict[str, Any]] | Transform) -> ForgeryDataset:
        """The same images, and the same cache, under other transforms."""
        other = copy.copy(self)
        other.transform = _pipeline(transforms, self.test_mode)
        return other

    def _real_index(self, rng: np.random.Generator) -> int:
        """Any real image, each source as likely as the others."""
        sources = self._real_sources
        source = sources[rng.integers(len(sources))]
        return int(source[rng.integers(len(source))])

    def _image(self, index: int) -> tuple[np.ndarray, int]:
        """Decode an image, or the next readable one of its class and source; also says which it was."""
        if self.cache is not None:
            return self.cache[index], index
        sample = self.samples[index]
        for candidate in self._candidates(index):
            try:
                return read_image(self.samples[candidate].path, self.max_pixels), candidate
            except ImageError as error:
                self._broken.add(candidate)
                _logger().warning("%s: cannot be read any more, using another image of %r", error, sample.source)
        raise ImageError(sample.path, f"no image of source {sample.source!r} with label {sample.label} can be read")

    def _candidates(self, index: int) -> Iterator[int]:
        """Yield the index, then the others of its class and source, without those known to be broken."""
        if index not in self._broken:
            yield index
        sample = self.samples[index]
        peers = self._peers[sample.label, sample.source]
        start = peers.index(index)
        yield from (peer for peer in peers[start + 1 :] + peers[:start] if peer not in self._broken)

    def _usable(self, samples: list[Sample], verify: str, cache: bool) -> tuple[list[Sample], list[tuple[str, str]]]:
        self.cache = [] if cache else None
        broken = find_broken([sample.path for sample in samples], verify, self.max_pixels, self.cache)
        if broken:
            first = "; ".join(f"{path}: {reason}" for path, reason in list(broken.items())[:3])
            _logger().warning("rejected %d of %d images, the first: %s", len(broken), len(samples), first)
        return [sample for sample in samples if sample.path not in broken], list(broken.items())


def fold_of(source: str, path: str, num_folds: int) -> int:
    """Fold 0..num_folds-1 of an image: a hash of its source and its file name without suffix."""
    stem = os.path.splitext(os.path.basename(path))[0]
    digest = hashlib.blake2b(f"{source}/{stem}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % num_folds


def select_fold(samples: list[Sample], fold: int, num_folds: int, part: str) -> list[Sample]:
    """Keep one fold (`part="val"`) or all others (`part="train"`)."""
    if num_folds < 2 or not 0 <= fold < num_folds or part not in ("train", "val"):
        raise ValueError(
            f"split_by_stem is ({fold}, {num_folds}, {part!r}); "
            "expected (fold, num_folds, 'train' or 'val') with 0 <= fold < num_folds"
        )
    held_out = part == "val"
    kept = [sample for sample in samples if (fold_of(sample.source, sample.path, num_folds) == fold) == held_out]
    if not kept:
        raise ValueError(
            f"fold {fold} of {num_folds} leaves none of {len(samples)} images for {part!r}; use fewer folds"
        )
    return kept


def thin_out(samples: list[Sample], most: int) -> list[Sample]:
    """Keep at most that many images of each class of each source, evenly spaced in their order."""
    if most < 1:
        raise ValueError(f"max_per_source is {most}; expected at least 1")
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[sample.label, sample.source].append(index)
    kept = [
        group[i * len(group) // most] if len(group) > most else group[i]
        for group in groups.values()
        for i in range(min(most, len(group)))
    ]
    return [samples[index] for index in sorted(kept)]


def _pipeline(transforms: Sequence[Transform | dict[str, Any]] | Transform | None, test_mode: bool) -> Compose:
    if transforms is None:
        return Compose([] if test_mode else [RandomFlip()])
    return Compose([transforms] if callable(transforms) else transforms)


def _logger() -> logging.Logger:
    return logging.getLogger("vision.datasets")
