"""How mmdet's detectors of one stage and of two turn feature maps into losses and detections."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from heads.memory import StreamMemory
from vision.errors import UsageError
from vision.models.video.openmmlab import DetDataSample
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
    """Pixels of the input per pixel of every feature map.

    Raises:
        UsageError: the detector's head does not say them.
    """
    head = getattr(detector, "rpn_head", None) or getattr(detector, "bbox_head", None)
    strides = getattr(getattr(head, "prior_generator", None), "strides", None)
    if strides is None:
        raise UsageError(
            f"{type(detector).__name__} has no rpn_head or bbox_head with a prior_generator, which says the strides of "
            "its feature maps: pixels of boxes cannot be found; set pixel=None",
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
    """See that a detector is of one of the two kinds.

    Raises:
        UsageError: it is of another.
    """
    if not _has_two_stages(detector) and not hasattr(getattr(detector, "bbox_head", None), "predict"):
        raise UsageError(
            f"detector {type(detector).__name__} has neither an rpn_head and a roi_head nor a bbox_head: choose a "
            "detector of one or two stages, such as FasterRCNN, RetinaNet or RTMDet",
            code="bad-config",
            value=type(detector).__name__,
        )


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
