"""What the video detectors take from mmdet, which can be imported where mmcv has no compiled ops, too."""

from vision.engine.mmcv_ops.stand_in import stand_in_for_mmcv_ops

stand_in_for_mmcv_ops()

from mmdet.models.detectors.base import BaseDetector  # noqa: E402 - it imports mmcv's ops
from mmdet.models.detectors.single_stage import SingleStageDetector  # noqa: E402
from mmdet.models.detectors.two_stage import TwoStageDetector  # noqa: E402
from mmdet.models.mot import BaseMOTModel  # noqa: E402
from mmdet.models.utils import samplelist_boxtype2tensor  # noqa: E402
from mmdet.registry import MODELS  # noqa: E402
from mmdet.structures import DetDataSample, TrackDataSample  # noqa: E402

__all__ = [
    "MODELS",
    "BaseDetector",
    "BaseMOTModel",
    "DetDataSample",
    "SingleStageDetector",
    "TrackDataSample",
    "TwoStageDetector",
    "samplelist_boxtype2tensor",
]
