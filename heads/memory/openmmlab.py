"""What the heads with memory take from mmdet, which can be imported where mmcv has no compiled ops, too."""

from vision.engine.mmcv_ops.stand_in import stand_in_for_mmcv_ops

stand_in_for_mmcv_ops()

from mmdet.models.roi_heads import StandardRoIHead  # noqa: E402 - it imports mmcv's ops
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead  # noqa: E402
from mmdet.models.task_modules.samplers import SamplingResult  # noqa: E402
from mmdet.models.utils import empty_instances, unpack_gt_instances  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmdet.structures.bbox import bbox2roi  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

__all__ = [
    "ConvFCBBoxHead",
    "DetDataSample",
    "InstanceData",
    "SamplingResult",
    "StandardRoIHead",
    "bbox2roi",
    "empty_instances",
    "unpack_gt_instances",
]
