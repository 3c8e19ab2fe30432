"""StereoMetric under mmengine's evaluator."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

import vision.registry  # noqa: F401
from vision.metrics.stereo.errors import StereoScores


def samples(count: int = 5, masked: bool = True) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(count):
        truth = rng.uniform(1, 60, (6, 8)).astype(np.float32)
        disparity = truth + rng.normal(0, 2, truth.shape).astype(np.float32)
        truth[0, i] = math.nan
        visible = rng.random(truth.shape) < 0.8 if masked else None
        scene = f"scene{i % 2}"
        found.append({"disparity": disparity, "truth": truth, "visible": visible, "scene": scene, "path": f"{i}.png"})
    return found


def evaluate(batches: list[list[dict[str, Any]]], **arguments: Any) -> dict[str, float]:
    evaluator = Evaluator([{"type": "StereoMetric", **arguments}])
    for batch in batches:
        evaluator.process(data_samples=batch)
    return evaluator.evaluate(sum(map(len, batches)))


def test_values_are_means_over_scenes(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    everything = samples()
    scores = StereoScores()
    for sample in everything:
        scores.add(sample["scene"], sample["disparity"], sample["truth"], sample["visible"])
    # mmengine's loggers do not propagate to the root logger, where caplog listens.
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        values = evaluate([everything[:2], everything[2:]], save_csv=tmp_path / "out" / "scenes.csv")
    finally:
        logger.removeHandler(caplog.handler)
    mean = scores.mean()
    for name in ("epe", "bad_0.5", "bad_1", "bad_2", "bad_3", "d1"):
        assert values[f"stereo/{name}"] == pytest.approx(mean["all"][name])
        assert values[f"stereo/noc_{name}"] == pytest.approx(mean["noc"][name])
    assert "results by scene" in caplog.text and "scene1" in caplog.text
    with open(tmp_path / "out" / "scenes.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["scene"] for line in lines] == ["scene0", "scene1", "mean"]
    assert float(lines[2]["noc_d1"]) == pytest.approx(mean["noc"]["d1"])


def test_a_file_that_stands_in_for_another_counts_once() -> None:
    everything = samples()
    assert evaluate([everything]) == evaluate([everything, [{**everything[1]}]])
    unnamed = [{**sample, "path": ""} for sample in everything]
    assert evaluate([unnamed]) == evaluate([everything])


def test_packed_tensors() -> None:
    """What a packed training sample says of visibility: 1, 0, and NaN where nobody knows."""
    everything = samples()
    packed = []
    for sample in everything:
        visible = torch.from_numpy(sample["visible"]).float()
        visible[torch.from_numpy(sample["truth"]).isnan()] = math.nan
        tensors = {key: torch.from_numpy(sample[key]) for key in ("disparity", "truth")}
        packed.append({**sample, **tensors, "visible": visible})
    assert evaluate([packed]) == evaluate([everything])


def test_without_masks_and_with_a_limit() -> None:
    everything = samples(masked=False)
    values = evaluate([everything], max_disparity=30)
    scores = StereoScores(30)
    for sample in everything:
        scores.add(sample["scene"], sample["disparity"], sample["truth"])
    assert set(values) == {f"stereo/{name}" for name in ("epe", "bad_0.5", "bad_1", "bad_2", "bad_3", "d1")}
    assert values["stereo/epe"] == pytest.approx(scores.mean()["all"]["epe"])


def test_flow() -> None:
    truth = np.zeros((2, 3, 2), np.float32)
    sample = {"flow": truth + np.float32([3, 4]), "truth": truth, "visible": None, "scene": "alley"}
    values = evaluate([[sample]])
    assert values["stereo/epe"] == 5 and values["stereo/d1"] == 100


def test_no_ground_truth() -> None:
    sample = samples()[0]
    with pytest.raises(ValueError, match="none of 1 samples has ground truth"):
        evaluate([[{**sample, "truth": np.full((6, 8), math.nan)}]])
