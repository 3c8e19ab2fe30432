"""Running stereo matchers over a data set, without a training framework."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from vision.datasets.stereo.dataset import StereoDataset
from vision.errors import UsageError
from vision.images import ImageError
from vision.metrics.stereo.errors import StereoScores
from vision.metrics.stereo.table import StereoRow

# (left, right, largest true disparity) -> the left view's disparity, all of the images' size.
Matcher = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def evaluate_matchers(
    dataset: StereoDataset,
    matchers: dict[str, Matcher],
    limit: int | None = None,
    max_disparity: float | None = None,
    track: Callable[[Iterable[int]], Iterable[int]] = iter,
    report: Callable[[str], object] = lambda line: None,
) -> list[StereoRow]:
    """Run every matcher on every pair that has ground truth.

    Args:
        dataset: its scenes are rows of the table; pairs of one scene are pooled.
        matchers: by name.
        limit: only the first so many pairs.
        max_disparity: judge only pixels with a true disparity below it.
        track: wraps the iteration over pairs, to show progress.
        report: takes a line about each pair that is left out.

    Raises:
        UsageError: no pair has ground truth that can be read.
    """
    scores = {name: StereoScores(max_disparity) for name in matchers}
    seconds: dict[tuple[str, str], list[float]] = {}
    for index in track(range(len(dataset))[:limit]):
        try:
            sample = dataset.read(index)
        except ImageError as error:
            report(f"left out: {error}")
            continue
        truth, scene = sample["disparity"], sample["scene"]
        if truth is None:
            continue
        for name, matcher in matchers.items():
            begin = time.perf_counter()
            try:
                disparity = matcher(sample["left"], sample["right"], float(np.nanmax(truth)))
            except UsageError as error:
                report(f"left out for {name}: {sample['path']}: {error}")
                continue
            seconds.setdefault((scene, name), []).append(time.perf_counter() - begin)
            scores[name].add(scene, disparity, truth, sample["visible"])
    if not seconds:
        raise UsageError(f"none of the {len(dataset)} pairs has ground truth that can be read; nothing to judge")
    errors = {name: collected.scenes() for name, collected in scores.items()}
    return [
        StereoRow(scene, name, errors[name][scene], sum(times) / len(times)) for (scene, name), times in seconds.items()
    ]
