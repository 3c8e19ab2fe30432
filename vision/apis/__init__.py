"""Inference on real input. Each name is imported when it is first asked for; no training framework ever is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.apis.forgery import ForgeryInferencer
    from vision.apis.heatmap import HeatMap
    from vision.apis.result import ForgeryResult, verdict
    from vision.apis.stereo import StereoInferencer
    from vision.apis.stereo_result import StereoResult
    from vision.apis.stereo_video import StereoVideo

_HOME = {
    "ForgeryInferencer": "vision.apis.forgery",
    "ForgeryResult": "vision.apis.result",
    "HeatMap": "vision.apis.heatmap",
    "StereoInferencer": "vision.apis.stereo",
    "StereoResult": "vision.apis.stereo_result",
    "StereoVideo": "vision.apis.stereo_video",
    "verdict": "vision.apis.result",
}

__all__ = [
    "ForgeryInferencer",
    "ForgeryResult",
    "HeatMap",
    "StereoInferencer",
    "StereoResult",
    "StereoVideo",
    "verdict",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
