"""Drawing training images so that neither class nor any single source dominates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch.distributed as dist
from torch.utils.data import Sampler


class BalancedSourceSampler(Sampler[int]):
    """Draw both classes equally often and, within a class, its sources by `size ** (1 - alpha)`.

    One epoch is a list of (real, fake) pairs in random order, so every even batch is balanced and every rank too. The
    images of a source are drawn without replacement until all of them were used. Counts follow the wanted shares to
    within one image, so an epoch is not left to luck.

    Args:
        dataset: has `labels` (0 real, 1 fake) and `sources`, one per image; a torch ConcatDataset of such sets is fine.
        num_samples: length of an epoch over all ranks; by default twice the size of the smaller class.
        seed: the draws depend on it and on the epoch; `None` takes one at random, the same on all ranks.
        alpha: 1 makes the sources of a class equally likely, 0 proportional to their size.

    Raises:
        ValueError: if a class is missing, or for an alpha outside 0..1 or a num_samples below 2.
    """

    def __init__(
        self, dataset: Any, num_samples: int | None = None, seed: int | None = None, alpha: float = 1.0
    ) -> None:
        if not 0.0 <= alpha <= 1.0:
            raise ValueError(f"alpha is {alpha}; expected 0 (by size) to 1 (all sources equally likely)")
        labels, sources = _labels_and_sources(dataset)
        self.rank, self.world_size = _rank_and_world_size()
        self.seed = _shared_seed() if seed is None else int(seed)
        self.epoch = 0
        self.pools = {label: _pools(labels, sources, label) for label in (0, 1)}
        smaller = min(sum(map(len, pools)) for pools in self.pools.values())
        self.total = 2 * smaller if num_samples is None else num_samples
        if self.total < 2:
            raise ValueError(f"num_samples is {num_samples}; expected at least 2, one image of each class")
        self.shares = {label: _shares(pools, alpha) for label, pools in self.pools.items()}

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        pairs_of_rank = math.ceil(len(self) / 2)
        count = pairs_of_rank * self.world_size
        real, fake = (_draw(rng, self.pools[label], self.shares[label], count) for label in (0, 1))
        pairs = np.stack([real, fake], axis=1)
        # Which half comes first is random too: an odd batch must not always favor one class.
        pairs = rng.permuted(pairs, axis=1)[self.rank :: self.world_size]
        return iter(pairs.reshape(-1)[: len(self)].tolist())

    def __len__(self) -> int:
        return math.ceil(self.total / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch the next iteration draws."""
        self.epoch = epoch


def _draw(rng: np.random.Generator, pools: list[np.ndarray], shares: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` indices in random order; a pool's part of them is its share, rounded up or down at random."""
    edges = np.floor(np.append(0.0, np.cumsum(shares)) * count + rng.random()).astype(np.int64)
    edges[0], edges[-1] = 0, count
    parts = []
    for pool, size in zip(pools, np.diff(edges), strict=True):
        rounds = max(1, math.ceil(size / len(pool)))
        parts.append(np.concatenate([rng.permutation(pool) for _ in range(rounds)])[:size])
    return rng.permutation(np.concatenate(parts))


def _pools(labels: np.ndarray, sources: np.ndarray, label: int) -> list[np.ndarray]:
    """Indices of the images of one class, an array a source."""
    names = np.unique(sources[labels == label])
    if not len(names):
        kind = "real (label 0)" if label == 0 else "fake (label 1)"
        raise ValueError(f"the dataset holds no {kind} image among {len(labels)}; balanced sampling needs both classes")
    return [np.flatnonzero((labels == label) & (sources == name)) for name in names]


def _shares(pools: list[np.ndarray], alpha: float) -> np.ndarray:
    weights = np.array([len(pool) ** (1.0 - alpha) for pool in pools])
    return weights / weights.sum()


def _labels_and_sources(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    parts: Sequence[Any] = getattr(dataset, "datasets", [dataset])
    for part in parts:
        if not (hasattr(part, "labels") and hasattr(part, "sources")):
            raise TypeError(f"{type(part).__name__} has no `labels` and `sources`; expected a ForgeryDataset")
    labels = np.concatenate([np.asarray(part.labels, dtype=np.int64) for part in parts])
    return labels, np.concatenate([np.asarray(part.sources, dtype=str) for part in parts])


def _rank_and_world_size() -> tuple[int, int]:
    ready = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size()) if ready else (0, 1)


def _shared_seed() -> int:
    box = [int(np.random.default_rng().integers(2**31))]
    if _rank_and_world_size()[1] > 1:
        dist.broadcast_object_list(box, src=0)
    return box[0]
