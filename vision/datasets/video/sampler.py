"""In which order frames come: in training key frames at random, in testing videos from their first to their last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from vision.errors import UsageError

Place = tuple[int, int]


class VideoSampler(Sampler[Place]):
    """Pairs (video, frame) of a `VideoDataset`.

    In training each key frame once per epoch, in random order, as many on every process. In testing every frame, the
    frames of a video one after the other and all on the same process; videos are dealt out such that the processes have
    about as many frames each, and a process may have none.

    Args:
        dataset: a `VideoDataset`, such as a `VideoConcat`.
        num_samples: key frames per epoch; of a `VideoConcat` one number for each of its data sets. Fewer than there are
            differ from epoch to epoch; of more some come again. None takes each once.
        seed: of the order, the same on all processes; None agrees on one.

    Raises:
        UsageError: num_samples are no positive numbers, one for each data set, or the data set is another.
    """

    def __init__(self, dataset: Any, num_samples: int | Sequence[int] | None = None, seed: int | None = None) -> None:
        if not hasattr(dataset, "key_frames"):
            raise UsageError(
                f"{type(dataset).__name__} has no key frames of videos; expected a VideoDataset or a VideoConcat",
                code="usage",
                value=type(dataset).__name__,
            )
        self.dataset, self.epoch = dataset, 0
        self.seed = sync_random_seed() if seed is None else int(seed)
        self.rank, self.world_size = get_dist_info()
        self.test_mode: bool = dataset.test_mode
        self._mine = _whole_videos(dataset, self.rank, self.world_size) if self.test_mode else []
        self._pools = [] if self.test_mode else _pools(dataset)
        self._counts = [] if self.test_mode else _counts(num_samples, self._pools)

    def __iter__(self) -> Iterator[Place]:
        if self.test_mode:
            return iter(self._mine)
        rng = np.random.default_rng([self.seed, self.epoch])
        drawn = np.concatenate(
            [_drawn(pool, count, rng) for pool, count in zip(self._pools, self._counts, strict=True)]
        )
        order = rng.permutation(len(drawn))
        padded = np.resize(order, len(self) * self.world_size)
        return iter([(int(video), int(frame)) for video, frame in drawn[padded[self.rank :: self.world_size]]])

    def __len__(self) -> int:
        return len(self._mine) if self.test_mode else math.ceil(sum(self._counts) / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch the next iteration draws."""
        self.epoch = epoch


class VideoBatchSampler(Sampler[list[Place]]):
    """Batches of frames of different videos, where there are as many.

    In testing each place of a batch follows one video from its first frame to its last, and then the next that none has
    begun; batches become smaller at the end. What a model gives for a frame depends on the frames of its own video
    alone, so results are those of single frames. First frames that bring references are batched by themselves.

    Args:
        sampler: of pairs (video, frame).
        batch_size: frames per batch.
        drop_last: in training, leave out the last frames that fill no batch.
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool = False) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; expected at least 1", code="out-of-range", value=batch_size)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last
        self.test_mode = bool(sampler.dataset.test_mode)
        self.has_references = bool(getattr(sampler.dataset, "num_references", 0))

    def __iter__(self) -> Iterator[list[Place]]:
        if self.test_mode:
            return _side_by_side(self.sampler, self.batch_size, self.has_references)
        return _apart(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        if self.test_mode:
            return sum(1 for _ in self)
        round_up = 0 if self.drop_last else self.batch_size - 1
        return (len(self.sampler) + round_up) // self.batch_size


def _side_by_side(places: Sequence[Place], batch_size: int, has_references: bool) -> Iterator[list[Place]]:
    videos: dict[int, list[Place]] = {}
    for place in places:
        videos.setdefault(place[0], []).append(place)
    waiting = [iter(frames) for frames in videos.values()][::-1]
    lanes = [waiting.pop() for _ in range(min(batch_size, len(waiting)))]
    while lanes:
        batch, going = [], []
        for lane in lanes:
            following = next(lane, None)
            while following is None and waiting:
                lane = waiting.pop()
                following = next(lane, None)
            if following is not None:
                batch.append(following)
                going.append(lane)
        lanes = going
        # A first frame is as long as its references.
        parts = [[place for place in batch if (place[1] == 0) == first] for first in (True, False)]
        yield from filter(None, parts if has_references else [batch])


def _apart(places: Sequence[Place], batch_size: int, drop_last: bool) -> Iterator[list[Place]]:
    """Put off frames of a video that a batch has already, though not for long."""
    following = iter(places)
    put_off: list[Place] = []
    while True:
        batch: list[Place] = []
        used: set[int] = set()
        candidates, put_off = put_off, []
        while len(batch) < batch_size:
            place = candidates.pop(0) if candidates else next(following, None)
            if place is None:
                break
            if place[0] in used and len(put_off) < 8 * batch_size:
                put_off.append(place)
            else:
                used.add(place[0])
                batch.append(place)
        put_off += candidates
        missing = batch_size - len(batch)
        batch, put_off = batch + put_off[:missing], put_off[missing:]
        if len(batch) == batch_size or (batch and not drop_last):
            yield batch
        if len(batch) < batch_size:
            return


def _whole_videos(dataset: Any, rank: int, world_size: int) -> list[Place]:
    """The frames of the videos of one process: the longest videos first, each to the process that has least."""
    lengths = [dataset.get_len_per_video(video) for video in range(len(dataset))]
    loads = [0] * world_size
    mine = []
    for video in sorted(range(len(lengths)), key=lambda video: (-lengths[video], video)):
        least = loads.index(min(loads))
        loads[least] += lengths[video]
        if least == rank:
            mine.append(video)
    return [(video, frame) for video in sorted(mine) for frame in range(lengths[video])]


def _pools(dataset: Any) -> list[np.ndarray]:
    """Key frames `[N, 2]` of each of the data sets."""
    parts: Sequence[range] = getattr(dataset, "parts", [range(len(dataset))])
    places = [[(video, frame) for video in part for frame in dataset.key_frames(video)] for part in parts]
    return [np.array(pool, np.int64).reshape(-1, 2) for pool in places]


def _counts(num_samples: int | Sequence[int] | None, pools: list[np.ndarray]) -> list[int]:
    if num_samples is None:
        return [len(pool) for pool in pools]
    counts = [num_samples] if isinstance(num_samples, int) else list(num_samples)
    if len(counts) != len(pools) or min(counts) < 0 or not sum(counts):
        raise UsageError(
            f"num_samples is {num_samples}; expected one number from 0 for each of {len(pools)} data sets",
            code="out-of-range",
            value=num_samples,
        )
    return counts


def _drawn(pool: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw without replacement until all were taken, and then again."""
    rounds = [rng.permutation(pool) for _ in range(-(-count // max(1, len(pool))))]
    return np.concatenate([*rounds, pool[:0]])[:count]
