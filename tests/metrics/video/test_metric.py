"""VIDMetric under mmengine's evaluator, with the samples that mmdet makes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

import vision.engine.registries.video  # noqa: F401
from vision.errors import UsageError
from vision.metrics.video.frames import FrameTruth, JudgedFrame
from vision.metrics.video.metric import VIDMetric
from vision.metrics.video.scores import video_scores

CLASSES = ("person", "car")


def judged(videos: int = 3, frames: int = 4) -> list[JudgedFrame]:
    rng = np.random.default_rng(0)
    result = []
    for video in range(videos):
        for frame in range(frames):
            corner = rng.uniform(0, 50, (3, 2))
            truth = np.concatenate([corner, corner + rng.uniform(10, 40, (3, 2))], 1).astype(np.float32)
            labels = np.array([0, 1, video % 2])
            found = (truth + rng.normal(0, 3, truth.shape)).astype(np.float32)
            about = FrameTruth(truth, labels, np.array([0, 1, 2]), np.array([False, False, frame == 1]))
            scores = rng.random(3).astype(np.float32)
            result.append(JudgedFrame(video, frame, about, found, scores, labels, degraded=frame == 2))
    return result


def det_sample(frame: JudgedFrame, in_metainfo: bool = True, **more: Any) -> DetDataSample:
    truth = frame.truth
    meta: dict[str, Any] = {"video_id": frame.video, "frame_id": frame.frame, "ori_video_length": 4, **more}
    if frame.degraded:
        meta["degraded"] = True
    sample = DetDataSample(metainfo=meta)
    if in_metainfo:
        instances = [
            {"bbox": box.tolist(), "bbox_label": int(label), "instance_id": int(track), "ignore_flag": int(ignored)}
            for box, label, track, ignored in zip(truth.boxes, truth.labels, truth.tracks, truth.ignored, strict=True)
        ]
        sample.set_metainfo({"instances": instances})
    else:
        for name, chosen in (("gt_instances", ~truth.ignored), ("ignored_instances", truth.ignored)):
            part = InstanceData()
            part.bboxes, part.labels = torch.tensor(truth.boxes[chosen]), torch.tensor(truth.labels[chosen])
            part.instances_ids = torch.tensor(truth.tracks[chosen])
            setattr(sample, name, part)
    found = InstanceData()
    found.bboxes, found.scores = torch.tensor(frame.boxes), torch.tensor(frame.scores)
    found.labels = torch.tensor(frame.labels)
    sample.pred_instances = found
    return sample


def track_sample(*frames: DetDataSample, **meta: Any) -> TrackDataSample:
    sample = TrackDataSample(metainfo=meta)
    sample.video_data_samples = list(frames)
    return sample


def evaluate(batches: list[list[Any]], size: int = 3, **arguments: Any) -> dict[str, Any]:
    """`size` is what the loops give: the length of the data set, which counts videos."""
    evaluator = Evaluator([{"type": "VIDMetric", **arguments}])
    evaluator.dataset_meta = {"classes": CLASSES}
    for batch in batches:
        evaluator.process(data_samples=batch)
    return evaluator.evaluate(size)


def expected() -> dict[str, float]:
    values = {}
    for subset, scores in video_scores(judged(), CLASSES).subsets.items():
        ending = "" if subset == "all" else f"_{subset}"
        values |= {f"vid/{name}{ending}": value for name, value in scores.mean().items()}
    return values


def test_frame_by_frame_with_several_videos_a_batch() -> None:
    frames = judged()
    by_frame = [frames[number::4] for number in (2, 0, 3, 1)]  # one frame of each video a batch, in no order
    values = evaluate([[track_sample(det_sample(frame)) for frame in batch] for batch in by_frame])
    assert values.pop("vid/mode") == "unknown"
    assert values == pytest.approx(expected())
    assert {"vid/ap50", "vid/ap", "vid/voc_ap50", "vid/voc_ap", "vid/ap50_degraded"} <= set(values)
    assert 0.2 < values["vid/ap50"] < 1


@pytest.mark.parametrize("in_metainfo", [True, False])
def test_whole_videos_parts_of_them_and_frames_alone_are_the_same(in_metainfo: bool) -> None:
    samples = [det_sample(frame, in_metainfo) for frame in judged()]
    whole = [[track_sample(*samples[:4]), track_sample(*samples[4:8])], [track_sample(*samples[8:])]]
    parts = [[track_sample(*samples[:3])], [track_sample(*samples[3:4]), track_sample(*samples[4:])]]
    for batches in (whole, parts, [samples]):
        values = evaluate(batches)
        values.pop("vid/mode")
        assert values == pytest.approx(expected())


def test_padded_frames_count_once_and_references_do_not() -> None:
    frames = judged()
    samples = [track_sample(det_sample(frame)) for frame in frames]
    reference = det_sample(frames[0], video_id=9)
    del reference.pred_instances
    samples[5] = track_sample(reference, det_sample(frames[5]), key_frames_inds=[1], ref_frames_inds=[0])
    assert evaluate([samples, samples[:2]]) == evaluate([samples]) == {**expected(), "vid/mode": "unknown"}


def test_mode_is_told(caplog: pytest.LogCaptureFixture) -> None:
    frames = judged()
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        causal = evaluate([[track_sample(det_sample(frame, mode="causal")) for frame in frames]])
        offline = evaluate([[track_sample(*map(det_sample, frames), mode="offline")]])
        named = evaluate([[track_sample(*map(det_sample, frames))]], mode="causal")
    finally:
        logger.removeHandler(caplog.handler)
    assert [values["vid/mode"] for values in (causal, offline, named)] == ["causal", "offline", "causal"]
    assert "mode: causal\n" in caplog.text and "mode: offline\n" in caplog.text
    assert "| class car " in caplog.text and "| video 2 " in caplog.text


def test_file_has_every_video_by_its_name(tmp_path: Path) -> None:
    frames = judged()
    samples = [track_sample(det_sample(frame, video_name=f"clip-{frame.video}")) for frame in frames]
    evaluate([samples], save_csv=tmp_path / "out" / "scores.csv")
    with open(tmp_path / "out" / "scores.csv", newline="") as file:
        lines = {line["part"]: line for line in csv.DictReader(file)}
    assert float(lines["all"]["ap50"]) == pytest.approx(expected()["vid/ap50"])
    of_first = video_scores(frames[:4], CLASSES).subsets["all"].mean()
    assert float(lines["video clip-0"]["voc_ap"]) == pytest.approx(of_first["voc_ap"])


def test_results_of_several_processes_are_joined() -> None:
    """Of unequal numbers: whoever got a longer video has more frames."""
    metric, frames = VIDMetric(), judged()
    metric.dataset_meta = {"classes": CLASSES}
    parts: list[Any] = []
    for part in (frames[:4], frames[4:], []):
        metric.results = []
        metric.process(None, [det_sample(frame).to_dict() for frame in part])
        parts.append(metric.results)
    values = {f"vid/{name}": value for name, value in metric.compute_metrics(parts).items() if name != "mode"}
    assert values == pytest.approx(expected())
    metric.results = parts[0]
    metric.evaluate(1)
    assert metric.results == []  # ready for the next epoch


def test_what_is_missing_is_named() -> None:
    frame = judged()[0]
    for name, message in (
        ("frame_id", "no frame_id or video_id in its metainfo"),
        ("pred_instances", "video 0, frame 0 has no pred_instances"),
        ("instances", "neither instances in its metainfo nor gt_instances"),
    ):
        sample = det_sample(frame).to_dict()
        del sample[name]
        with pytest.raises(UsageError, match=message):
            VIDMetric().process(None, [sample])
    with pytest.raises(UsageError, match="none of 0 frames has a true box of person, car"):
        evaluate([])
    empty = det_sample(frame, instances=[])
    empty.set_metainfo({"instances": []})
    with pytest.raises(UsageError, match="none of 1 frames has a true box"):
        evaluate([[empty]])


def test_without_names_classes_are_numbers() -> None:
    metric, frames = VIDMetric(), judged()
    metric.process(None, [det_sample(frame).to_dict() for frame in frames])
    assert metric.evaluate(3)["vid/ap50"] == pytest.approx(expected()["vid/ap50"])
