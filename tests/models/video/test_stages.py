"""Which detectors of mmdet a video detector takes, and what it asks of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from tests.models.video.conftest import two_stages
from vision.errors import UsageError
from vision.models.video.stages import check_stages, strides_of

Make = Callable[..., Any]


class Parts(nn.Module):
    """A detector of whatever parts."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def of(*strides: Any, name: str = "prior_generator") -> SimpleNamespace:
    return SimpleNamespace(**{name: SimpleNamespace(strides=list(strides))})


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"bbox_head": of((8, 8), (16, 16))}, [8, 16]),
        ({"rpn_head": of(4, 8), "bbox_head": of(32)}, [4, 8]),
        ({"rpn_head": of((4, 4), (8, 8), name="square_anchor_generator")}, [4, 8]),
        ({"rpn_head": SimpleNamespace(stages=[of((16, 16)), of((16, 16))])}, [16]),
        ({"roi_head": SimpleNamespace(bbox_roi_extractor=SimpleNamespace(featmap_strides=[4, 8]))}, [4, 8]),
        (
            {"roi_head": SimpleNamespace(bbox_roi_extractor=nn.ModuleList([Parts(featmap_strides=[16])] * 2))},
            [16],
        ),
    ],
    ids=["points or anchors", "first stage", "guided anchors", "cascade of first stages", "queries", "cascade"],
)
def test_strides_of_heads(parts: dict[str, Any], expected: list[int]) -> None:
    assert strides_of(Parts(**parts)) == expected


def test_a_head_without_strides_is_named() -> None:
    with pytest.raises(UsageError, match=r"Parts has no rpn_head or bbox_head with a prior_generator.*set pixel=None"):
        strides_of(Parts(bbox_head=SimpleNamespace()))


@pytest.mark.parametrize(("kind", "name"), [("plain", "loss"), ("plain", "predict"), ("one-stage", "loss")])
def test_detectors_that_compute_in_a_way_of_their_own_are_refused(kind: str, name: str, video_detector: Make) -> None:
    """Their other heads (semantic, mask, distillation) would train on nothing, and nobody would know."""
    detector = video_detector(kind).detector
    check_stages(detector)
    detector.__class__ = type("Panoptic", (type(detector),), {name: lambda self: None})
    with pytest.raises(UsageError, match=f"detector Panoptic has a {name} of its own"):
        check_stages(detector)


def test_detectors_without_stages_are_refused() -> None:
    with pytest.raises(UsageError, match="detector Parts has neither an rpn_head and a roi_head nor a bbox_head"):
        check_stages(Parts(rpn_head=of(4)))


def test_a_box_head_whose_memory_nobody_fills_is_refused(video_detector: Make) -> None:
    config = two_stages(with_memory=True)
    config["roi_head"]["type"] = "StandardRoIHead"
    with pytest.raises(UsageError, match="a MambaBBoxHead, to which its StandardRoIHead gives no memory"):
        video_detector("plain", detector=config)


def test_the_epoch_reaches_the_detector(video_detector: Make) -> None:
    model, told = video_detector("one-stage"), []
    model.set_epoch(1)
    model.detector.set_epoch = told.append
    model.set_epoch(3)
    assert told == [3]
