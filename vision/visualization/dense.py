"""Draws instances and segmentations over their image, with mmdet's and mmseg's visualizers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from vision.structures.dense import label_shares
from vision.visualization.canvas import BRIGHT, font_of, save_image, strip

_LEGEND_CLASSES = 12


class DenseModel(Protocol):
    """What drawing needs to know of a model: names and colors. `vision.apis.dense.DenseInferencer` is one."""

    @property
    def segments_pixels(self) -> bool:
        """Whether it predicts a class for every pixel; it outlines instances otherwise."""

    @property
    def classes(self) -> Sequence[str]:
        """Names that it has."""

    def name_of(self, label: int) -> str:
        """Name of a class, also of one beyond `classes`."""

    def color_of(self, label: int) -> tuple[int, int, int]:
        """Color of a class, RGB."""


def draw_prediction(
    inferencer: DenseModel, image: np.ndarray, sample: Any, score_threshold: float = 0.3, opacity: float = 0.6
) -> Image.Image:
    """Draw what was predicted.

    Args:
        inferencer: what made the prediction; it knows names and colors.
        image: uint8 RGB `[H, W, 3]`.
        sample: the prediction.
        score_threshold: least score of an instance.
        opacity: of masks, from 0 to 1.

    Returns:
        The image with boxes, masks and names; a segmentation has a legend of its largest classes below.
    """
    if inferencer.segments_pixels:
        drawn = _draw_segmentation(inferencer, image, sample, opacity)
        return _with_legend(Image.fromarray(drawn), inferencer, sample)
    return Image.fromarray(_draw_instances(inferencer, image, sample, score_threshold, opacity))


def save_picture(picture: Image.Image, path: str | os.PathLike[str]) -> None:
    """The name that `vision.visualization.canvas.save_image` had before."""
    save_image(picture, path)


def _draw_instances(
    inferencer: DenseModel, image: np.ndarray, sample: Any, score_threshold: float, opacity: float
) -> np.ndarray:
    from mmdet.structures import DetDataSample
    from mmdet.visualization import DetLocalVisualizer

    found = sample.pred_instances
    found = found[found.scores > score_threshold]
    visualizer = DetLocalVisualizer(alpha=opacity)
    visualizer.dataset_meta = _meta(inferencer, found.labels.tolist())
    # Instances alone: a panoptic prediction beside them would be drawn, too.
    visualizer.add_datasample(
        "", image, DetDataSample(pred_instances=found), draw_gt=False, pred_score_thr=score_threshold
    )
    return visualizer.get_image()


def _draw_segmentation(inferencer: DenseModel, image: np.ndarray, sample: Any, opacity: float) -> np.ndarray:
    from mmseg.visualization import SegLocalVisualizer

    visualizer = SegLocalVisualizer(alpha=opacity)
    # Not by its arguments, which it mixes up.
    visualizer.dataset_meta = _meta(inferencer, [label for label, _ in label_shares(sample)])
    # Its names inside the image take minutes for large images; the legend has them instead.
    visualizer.add_datasample("", image, sample, draw_gt=False, with_labels=False)
    return visualizer.get_image()


def _meta(inferencer: DenseModel, labels: list[int]) -> dict[str, list[Any]]:
    """Names and colors of all classes up to the largest label: a dataset may name fewer than a model has."""
    count = max([len(inferencer.classes), *(label + 1 for label in labels), 1])
    names, colors = inferencer.name_of, inferencer.color_of
    return {"classes": [names(i) for i in range(count)], "palette": [colors(i) for i in range(count)]}


def _with_legend(image: Image.Image, inferencer: DenseModel, sample: Any) -> Image.Image:
    shares = label_shares(sample)[:_LEGEND_CLASSES]
    unit = int(np.clip(image.width / 40, 12, 28))
    font = font_of(unit)
    # (x, y, label, text) of every entry, in lines as wide as the image.
    entries, x, y = [], unit, unit
    for label, share in shares:
        text = f"{inferencer.name_of(label)} {share:.1%}"
        width = round(font.getlength(text)) + 3 * unit
        if x > unit and x + width > image.width:
            x, y = unit, y + 2 * unit
        entries.append((x, y, label, text))
        x += width
    canvas, draw = strip(image.width, image.height + y + 2 * unit)
    canvas.paste(image, (0, 0))
    for left, top, label, text in entries:
        top += image.height
        draw.rectangle((left, top, left + unit, top + unit), inferencer.color_of(label))
        draw.text((left + round(1.4 * unit), top + unit // 2), text, BRIGHT, font, anchor="lm")
    return canvas
