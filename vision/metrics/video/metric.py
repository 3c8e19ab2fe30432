"""Evaluation of detectors in video under mmengine: tables, and flat values for logging."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from vision.errors import UsageError
from vision.files import write_csv
from vision.metrics.video.frames import FrameTruth, JudgedFrame
from vision.metrics.video.scores import ALL, video_scores
from vision.metrics.video.table import format_video_table, table_rows, video_csv_lines

_TABLE_LIMIT = 100  # classes or videos; the file of `save_csv` has all
Kept = tuple[JudgedFrame, str]


class VIDMetric(BaseMetric):
    """AP50 and AP of detections in video, COCO-style and by VOC's area under the curve, also by speed of the objects.

    Consumes TrackDataSamples with any number of frames of a video each, frames in any order and of several videos a
    batch, or DetDataSamples of single frames. Each frame has `pred_instances` in pixels of the original image, and
    `frame_id`, `video_id` and, as its truth, `instances` of the annotation file in its metainfo (PackTrackInputs puts
    them there); without these, `gt_instances` in the same pixels. Where the metainfo has `degraded`, frames of which
    it is true are also judged apart. Frames that are references of others are not judged; one that comes twice, as
    samplers pad, counts once.

    Speeds are those of Flow-Guided Feature Aggregation, from the annotations of the frames judged: let it see whole
    videos for them. See `vision.metrics.video.scores.video_scores` for what is counted by speed.

    Values are `vid/ap50` and `vid/ap` (COCO-style, by pycocotools), `vid/voc_ap50` and `vid/voc_ap`, in 0 to 1, means
    over the classes that occur; `vid/ap50_slow`, `_medium`, `_fast` and `_degraded` and so on where there is any; and
    `vid/mode`, "causal" or "offline": whether the model saw past frames alone or also the future.

    Args:
        mode: what the model ran in; from `mode` in the metainfo of the samples by default.
        plus_one: for VOC's figures, boxes end in their last pixels: a box is x2 - x1 + 1 wide.
        save_csv: also write the figures of every subset, class and video to this file, replacing it at every
            evaluation.
        collect_device, prefix, collect_dir: passed to mmengine's `BaseMetric`.
    """

    default_prefix = "vid"

    def __init__(
        self,
        mode: str | None = None,
        plus_one: bool = False,
        save_csv: str | os.PathLike[str] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.mode, self.plus_one, self.save_csv = mode, plus_one, save_csv

    def process(self, data_batch: Any, data_samples: Sequence[Any]) -> None:
        """Keep boxes of one batch.

        Raises:
            UsageError: a frame lacks what is listed above.
        """
        for sample in data_samples:
            for frame in _frames_of(sample):
                mode = self.mode or _get(frame, "mode") or _get(sample, "mode") or "unknown"
                self.results.append((_judged(frame), str(mode)))

    def evaluate(self, size: int) -> dict[str, float]:
        """As the base class does, but of all frames: mmengine keeps the first `size` results, the number of videos."""
        self.results: list[Any] = [self.results]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[list[Kept]]) -> dict[str, Any]:
        """Flat values of all results; also logs the table.

        Raises:
            UsageError: no frame has a true box, a label has no class, or a value is not a number.
        """
        kept = [pair for part in results for pair in part]
        frames = [frame for frame, _ in kept]
        mode = ", ".join(sorted({mode for _, mode in kept})) or "unknown"
        classes = self._classes(frames)
        scores = video_scores(frames, classes, self.plus_one)
        MMLogger.get_current_instance().info(
            "results of the detector, mode: %s\n%s",
            mode,
            format_video_table(table_rows(scores, classes, _TABLE_LIMIT)),
        )
        if self.save_csv is not None:
            write_csv(self.save_csv, *video_csv_lines(table_rows(scores, classes)))
        values: dict[str, Any] = {}
        for subset, of_subset in scores.subsets.items():
            ending = "" if subset == ALL else f"_{subset}"
            values |= {f"{name}{ending}": value for name, value in of_subset.mean().items() if not math.isnan(value)}
        return values | {"mode": mode}

    def _classes(self, frames: Iterable[JudgedFrame]) -> Sequence[str]:
        """Names of the data set, or numbers where it has none."""
        classes = (self.dataset_meta or {}).get("classes")
        if classes is not None:
            return [classes] if isinstance(classes, str) else list(classes)
        labels = [labels for frame in frames for labels in (frame.truth.labels, frame.labels)]
        return [str(label) for label in range(int(max((part.max(initial=-1) for part in labels), default=-1)) + 1)]


def _frames_of(sample: Any) -> Sequence[Any]:
    """Frames of a TrackDataSample that are to be judged; a DetDataSample is one itself."""
    frames = _get(sample, "video_data_samples")
    if frames is None:
        return [sample]
    references = set(_get(sample, "ref_frames_inds") or ())
    return [frame for place, frame in enumerate(frames) if place not in references]


def _judged(frame: Any) -> JudgedFrame:
    video = next((found for name in ("video_id", "img_id") if (found := _get(frame, name)) is not None), None)
    number = _get(frame, "frame_id")
    if video is None or (number is None and _get(frame, "video_id") is not None):
        raise UsageError("a frame has no frame_id or video_id in its metainfo; expected both, see meta_keys of packing")
    found = _get(frame, "pred_instances")
    if found is None:
        raise UsageError(f"video {video}, frame {number} has no pred_instances; expected those of a model's predict")
    return JudgedFrame(
        _name_of(frame, video),
        int(number or 0),
        _truth(frame, video),
        _array(_get(found, "bboxes")),
        _array(_get(found, "scores")),
        _array(_get(found, "labels")),
        bool(_get(frame, "degraded")),
    )


def _name_of(frame: Any, video: Any) -> str | int:
    """The number of a video, or its name where samples have it."""
    name = _get(frame, "video_name")
    return str(name) if name else int(video)


def _truth(frame: Any, video: Any) -> FrameTruth:
    instances = _get(frame, "instances")
    if instances is not None:
        return FrameTruth(
            np.array([one["bbox"] for one in instances]),
            np.array([one["bbox_label"] for one in instances], np.int64),
            np.array([one.get("instance_id", -1) for one in instances], np.int64),
            np.array([bool(one.get("ignore_flag", 0)) for one in instances], bool),
        )
    found = _get(frame, "gt_instances")
    if found is None:
        raise UsageError(
            f"video {video}: a frame has neither instances in its metainfo nor gt_instances; expected its true boxes, "
            "see meta_keys of packing"
        )
    parts = [(found, False)]
    if (ignored := _get(frame, "ignored_instances")) is not None:
        parts.append((ignored, True))
    boxes = [_array(_get(part, "bboxes")).reshape(-1, 4) for part, _ in parts]
    counts = list(map(len, boxes))
    return FrameTruth(
        np.concatenate(boxes),
        np.concatenate([_array(_get(part, "labels")) for part, _ in parts]),
        np.concatenate([_tracks(part, count) for (part, _), count in zip(parts, counts, strict=True)]),
        np.repeat([is_ignored for _, is_ignored in parts], counts),
    )


def _tracks(instances: Any, count: int) -> np.ndarray:
    tracks = _get(instances, "instances_ids")
    return np.full(count, -1) if tracks is None else _array(tracks)


def _get(owner: Any, name: str) -> Any:
    """A field of a sample, which mmengine hands over as a dict, or of a part of one."""
    return owner.get(name) if hasattr(owner, "get") else getattr(owner, name, None)


def _array(value: Any) -> np.ndarray:
    value = getattr(value, "tensor", value)  # boxes of mmdet
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
