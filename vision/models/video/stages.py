"""How mmdet's detectors of one stage and of two turn feature maps into losses and detections."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from heads.memory import StreamMemory
from vision.errors import UsageError
from vision.models.video.openmmlab import BaseDetector, DetDataSample, SingleStageDetector, TwoStageDetector
from vision.models.video.pixel import Maps


class References(NamedTuple):
    """The reference frames of one key frame.

    Attributes:
        maps: feature maps `[R, C, H, W]` of every level.
        samples: what is known of each of the R frames; only its size is read.
    """

    maps: Maps
    samples: list[DetDataSample]


def strides_of(detector: nn.Module) -> list[int]:
    """Pixels of the input per pixel of every feature map; of those that its second stage sees, where the first is mute.

    Raises:
        UsageError: the detector's heads do not say them.
    """
    head = getattr(detector, "rpn_head", None) or getattr(detector, "bbox_head", None)
    extractor = getattr(getattr(detector, "roi_head", None), "bbox_roi_extractor", None)
    if isinstance(extractor, nn.ModuleList):  # of a cascade
        extractor = extractor[0]
    # Guided anchors have two generators, cascades of first stages one in each.
    owners = [one for one in (head, *getattr(head, "stages", ())) if one is not None]
    generators = [getattr(one, name, None) for one in owners for name in ("prior_generator", "square_anchor_generator")]
    told = [getattr(one, "strides", None) for one in generators] + [getattr(extractor, "featmap_strides", None)]
    strides = next((one for one in told if one is not None), None)
    if strides is None:
        raise UsageError(
            f"{type(detector).__name__} has no rpn_head or bbox_head with a prior_generator, nor a roi_head with a "
            "bbox_roi_extractor, which say the strides of its feature maps: pixels of boxes cannot be found; "
            "set pixel=None",
            code="bad-config",
            value=type(detector).__name__,
        )
    return [int(stride[0] if isinstance(stride, Sequence) else stride) for stride in strides]


def remembers_instances(detector: nn.Module) -> bool:
    """Whether the detector's second stage has an instance memory: `MambaRoIHead`, or a head with its methods."""
    return hasattr(getattr(detector, "roi_head", None), "new_banks")


def losses(
    detector: Any, maps: Maps, samples: list[DetDataSample], references: Sequence[References | None]
) -> dict[str, Tensor]:
    """The losses of key frames, by the names that mmdet gives them.

    Args:
        detector: a detector with an `rpn_head` and a `roi_head`, or with a `bbox_head`.
        maps: feature maps `[N, C, H, W]` of every level.
        samples: of the N key frames, with `gt_instances`.
        references: of every key frame; read by instance memories alone.
    """
    if not _has_two_stages(detector):
        return dict(detector.bbox_head.loss(maps, samples))
    # Proposals know one class.
    class_agnostic = copy.deepcopy(samples)
    for sample in class_agnostic:
        sample.gt_instances.labels.zero_()
    settings = detector.train_cfg.get("rpn_proposal", detector.test_cfg.rpn)
    found, proposals = detector.rpn_head.loss_and_predict(maps, class_agnostic, proposal_cfg=settings)
    total = {name if "rpn" in name else f"rpn_{name}": value for name, value in found.items()}
    if remembers_instances(detector):
        total |= detector.roi_head.loss(maps, proposals, samples, *_reference_proposals(detector, references))
    else:
        total |= detector.roi_head.loss(maps, proposals, samples)
    return total


def detections(detector: Any, maps: Maps, sample: DetDataSample, memory: StreamMemory | None) -> Any:
    """What is on one frame, mmdet's `InstanceData` in pixels of the original frame; writes the instance memory.

    Args:
        detector: as for `losses`.
        maps: feature maps `[1, C, H, W]` of every level.
        sample: the frame's sizes.
        memory: of the frame's video; None detects without.
    """
    if not _has_two_stages(detector):
        return detector.bbox_head.predict(maps, [sample], rescale=True)[0]
    proposals = detector.rpn_head.predict(maps, [sample], rescale=False)
    if remembers_instances(detector):
        return detector.roi_head.predict(maps, proposals, [sample], memory=memory, rescale=True)[0]
    return detector.roi_head.predict(maps, proposals, [sample], rescale=True)[0]


def check_stages(detector: nn.Module) -> None:
    """See that a detector is of one of the two kinds, and that nothing of it would be passed over.

    Raises:
        UsageError: it is of another kind, computes losses or detections in a way of its own, or has a box head with
            memory that its second stage never gives a memory to.
    """
    kind = type(detector).__name__
    if not _has_two_stages(detector) and not hasattr(getattr(detector, "bbox_head", None), "predict"):
        raise UsageError(
            f"detector {kind} has neither an rpn_head and a roi_head nor a bbox_head: choose a "
            "detector of one or two stages, such as FasterRCNN, RetinaNet or RTMDet",
            code="bad-config",
            value=kind,
        )
    own = _own_methods(detector)
    if own:
        raise UsageError(
            f"detector {kind} has a {' and a '.join(own)} of its own, beside those of its heads, which a video "
            "detector would pass over: choose one that has mmdet's of one or two stages, such as FasterRCNN, "
            "MaskRCNN, RetinaNet or RTMDet",
            code="bad-config",
            value=kind,
        )
    forgetful = None if remembers_instances(detector) else _head_with_memory(detector)
    if forgetful is not None:
        second = type(getattr(detector, "roi_head", None)).__name__
        raise UsageError(
            f"the detector has a {forgetful}, to which its {second} gives no memory: set roi_head=dict("
            "type='MambaRoIHead', ...), or take a box head without memory",
            code="bad-config",
            value=second,
        )


def _own_methods(detector: nn.Module) -> list[str]:
    """Which of "loss" and "predict" a detector of mmdet does not have from mmdet's classes of one or two stages."""
    if not isinstance(detector, BaseDetector):
        return []
    known = TwoStageDetector if _has_two_stages(detector) else SingleStageDetector
    return [name for name in ("loss", "predict") if getattr(type(detector), name) is not getattr(known, name)]


def _head_with_memory(detector: nn.Module) -> str | None:
    heads = (type(one).__name__ for one in detector.modules() if hasattr(one, "forward_memory"))
    return next(heads, None)


def _has_two_stages(detector: nn.Module) -> bool:
    return getattr(detector, "rpn_head", None) is not None and getattr(detector, "roi_head", None) is not None


def _reference_proposals(detector: Any, references: Sequence[References | None]) -> tuple[list[Any], list[Any]]:
    """Maps and proposals of the references of every key frame; None where it has none."""
    maps, proposals = [], []
    for reference in references:
        maps.append(None if reference is None else reference.maps)
        proposals.append(
            None if reference is None else detector.rpn_head.predict(reference.maps, reference.samples, rescale=False)
        )
    return maps, proposals
