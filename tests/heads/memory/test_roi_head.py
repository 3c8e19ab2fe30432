"""mmdet's second stage with memory: losses with references, detections of streams, frames with nothing on them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

import vision.engine.registries.video  # noqa: F401 - names MambaBBoxHead
from heads.memory import MambaRoIHead, StreamMemory
from heads.memory.openmmlab import DetDataSample, InstanceData, StandardRoIHead, bbox2roi
from vision.errors import UsageError

SIDE, STRIDE, CHANNELS = 64, 8, 3


def make_head(kind: Any = MambaRoIHead, box: str = "MambaBBoxHead", **changes: Any) -> Any:
    torch.manual_seed(0)
    extra = {"num_heads": 2, "topk": 4, "memory": {"max_length": 20, "key_length": 10}} if "Mamba" in box else {}
    settings: dict[str, Any] = {
        "bbox_roi_extractor": {
            "type": "SingleRoIExtractor",
            "roi_layer": {"type": "RoIAlign", "output_size": 2, "sampling_ratio": 2},
            "out_channels": CHANNELS,
            "featmap_strides": [STRIDE],
        },
        "bbox_head": {
            "type": box,
            "in_channels": CHANNELS,
            "roi_feat_size": 2,
            "fc_out_channels": 8,
            "num_classes": 3,
            **extra,
        },
        "train_cfg": {
            "assigner": {
                "type": "MaxIoUAssigner",
                "pos_iou_thr": 0.5,
                "neg_iou_thr": 0.5,
                "min_pos_iou": 0.5,
                "ignore_iof_thr": -1,
            },
            # So many that all proposals are taken, and nothing is left to chance.
            "sampler": {
                "type": "RandomSampler",
                "num": 64,
                "pos_fraction": 0.5,
                "neg_pos_ub": -1,
                "add_gt_as_proposals": True,
            },
            "pos_weight": -1,
            "debug": False,
        },
        "test_cfg": {"score_thr": 0.0, "nms": {"type": "nms", "iou_threshold": 0.9}, "max_per_img": 50},
    }
    from mmengine.config import ConfigDict

    return kind(**{k: ConfigDict(v) for k, v in {**settings, **changes}.items()}).eval()


def maps(frames: int, seed: int = 0) -> tuple[Tensor, ...]:
    side = SIDE // STRIDE
    return (torch.randn(frames, CHANNELS, side, side, generator=torch.Generator().manual_seed(seed)),)


def boxes(count: int, seed: int = 0) -> Tensor:
    drawn = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed)) * SIDE / 2
    return torch.cat([drawn[:, :2], drawn[:, :2] + 4 + drawn[:, 2:]], 1)


def proposals(count: int, seed: int = 0) -> InstanceData:
    scores = torch.rand(count, generator=torch.Generator().manual_seed(seed + 100))
    return InstanceData(bboxes=boxes(count, seed), scores=scores)


def sample(objects: int = 2, seed: int = 0, scale: float = 1.0) -> DetDataSample:
    found = DetDataSample(
        metainfo={"img_shape": (SIDE, SIDE), "ori_shape": (SIDE, SIDE), "scale_factor": (scale, scale)}
    )
    found.gt_instances = InstanceData(bboxes=boxes(objects, seed + 50), labels=torch.arange(objects) % 3)
    return found


def losses(head: Any, seeds: tuple[int, ...], references: Any = (None, None)) -> dict[str, Tensor]:
    level = tuple(torch.cat([maps(1, seed)[0] for seed in seeds]) for _ in range(1))
    frames = [proposals(6, seed) for seed in seeds]
    return head.loss(level, frames, [sample(seed=seed) for seed in seeds], *references)


def test_losses_are_those_of_the_head_on_proposals_and_references() -> None:
    head = make_head()
    reference_maps = maps(2, seed=9)
    reference_proposals = [proposals(5, 9), proposals(3, 10)]
    found = losses(head, (0,), ([reference_maps], [reference_proposals]))
    assert set(found) == {"loss_cls", "loss_bbox", "acc"}

    # Ground truth joins the proposals; positives come first.
    truth, frame = sample().gt_instances, proposals(6)
    together = torch.cat([truth.bboxes, frame.bboxes])
    rois = torch.cat([torch.zeros(8, 1), together], 1)
    seen = head.bbox_roi_extractor(reference_maps, bbox2roi([one.bboxes for one in reference_proposals]))
    scores, _ = head.bbox_head(head.bbox_roi_extractor(maps(1), rois), seen)
    from torchvision.ops import box_iou

    overlap, nearest = box_iou(together, truth.bboxes).max(1)
    labels = torch.where(overlap >= 0.5, truth.labels[nearest], torch.tensor(3))
    torch.testing.assert_close(found["loss_cls"], torch.nn.functional.cross_entropy(scores, labels))


def test_each_key_frame_sees_its_own_references() -> None:
    head = make_head()
    one, two = ([maps(2, 5)], [[proposals(4, 5), proposals(4, 6)]]), ([maps(1, 7)], [[proposals(3, 7)]])
    both = losses(head, (0, 1), (one[0] + two[0], one[1] + two[1]))["loss_cls"]
    alone = [losses(head, (seed,), refs)["loss_cls"] for seed, refs in ((0, one), (1, two))]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
    swapped = losses(head, (0, 1), (two[0] + one[0], two[1] + one[1]))["loss_cls"]
    assert abs(swapped - both) > 1e-5


def test_gradients_reach_reference_maps_and_all_parameters() -> None:
    head = make_head()
    seen = maps(2, 5)[0].requires_grad_()
    total = losses(head, (0,), ([(seen,)], [[proposals(4, 5), proposals(4, 6)]]))
    (total["loss_cls"] + total["loss_bbox"]).backward()
    assert seen.grad is not None and (seen.grad.flatten(1).abs().sum(1) > 0).all()
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize(
    "references",
    [(None, None), ([None], [None]), ([maps(1, 3)], [[proposals(0)]])],
    ids=["none", "of a frame", "empty"],
)
def test_without_references_losses_are_mmdets(references: Any) -> None:
    ours, theirs = make_head(), make_head(StandardRoIHead, "Shared2FCBBoxHead")
    theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if "aggregator" not in k})
    for name, value in losses(theirs, (0, 1), ()).items():
        doubled = tuple(None if part is None else part * 2 for part in references)
        torch.testing.assert_close(losses(ours, (0, 1), doubled)[name], value)


def test_key_frames_without_proposals_or_objects_train() -> None:
    head = make_head()
    frames = [proposals(0), proposals(4)]
    found = head.loss(maps(2), frames, [sample(objects=0), sample(objects=0)], [maps(1, 3)] * 2, [[proposals(2)]] * 2)
    sum(value for name, value in found.items() if "loss" in name).backward()
    assert all(torch.isfinite(value).all() for value in found.values())
    found = head.loss(maps(1), [proposals(0)], [sample(objects=0)], [maps(1, 3)], [[proposals(2)]])
    assert all(torch.isfinite(value).all() for value in found.values())


def test_as_many_references_as_key_frames() -> None:
    with pytest.raises(
        UsageError, match="for 2 key frames there are 2 sets of proposals, 1 of maps of references and 2"
    ):
        losses(make_head(), (0, 1), ([None], [None, None]))


def detect(head: Any, seeds: list[int], memory: Any = None, rescale: bool = False, count: int = 6) -> list[Any]:
    level = tuple(torch.cat([maps(1, seed)[0] for seed in seeds]) for _ in range(1))
    frames = [proposals(count, seed) for seed in seeds]
    with torch.no_grad():
        return head.predict(level, frames, [sample(scale=2.0) for _ in seeds], rescale=rescale, memory=memory)


def same(one: Any, other: Any) -> bool:
    return all(torch.allclose(one[name], other[name], atol=1e-6) for name in ("bboxes", "scores", "labels"))


def test_a_cold_memory_detects_as_mmdet_does_and_a_warm_one_does_not() -> None:
    ours, theirs = make_head(), make_head(StandardRoIHead, "Shared2FCBBoxHead")
    theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if "aggregator" not in k})
    memory = StreamMemory(None, ours.new_banks())
    with torch.no_grad():
        plain = theirs.predict(maps(1), [proposals(6)], [sample(scale=2.0)], rescale=True)[0]
    assert len(plain) > 0
    assert same(detect(ours, [0], None, rescale=True)[0], plain)
    assert same(detect(ours, [0], memory, rescale=True)[0], plain)
    assert not same(detect(ours, [0], memory, rescale=True)[0], plain)
    assert same(detect(ours, [0], None, rescale=True)[0], plain)  # nothing stayed in the module


def test_the_best_proposals_are_remembered() -> None:
    head = make_head()
    memory = StreamMemory(None, head.new_banks())
    detect(head, [0], memory)
    frame = proposals(6)
    best = frame.scores.argsort(descending=True)[:4]
    rois = torch.cat([torch.zeros(4, 1), frame.bboxes[best]], 1)
    with torch.no_grad():
        first = head.bbox_head.shared_fcs[0](head.bbox_roi_extractor(maps(1), rois).flatten(1))
    torch.testing.assert_close(memory.instance[0].sample(), first)


def test_frames_of_a_batch_are_those_of_one_after_another() -> None:
    head = make_head()
    together, alone = (StreamMemory(None, head.new_banks()) for _ in range(2))
    batch = detect(head, [0, 1, 2], together)
    for found, seed in zip(batch, [0, 1, 2], strict=True):
        assert same(found, detect(head, [seed], alone)[0])


def test_streams_go_on_at_once() -> None:
    head = make_head()
    streams = [StreamMemory(None, head.new_banks()) for _ in range(2)]
    alone = [StreamMemory(None, head.new_banks()) for _ in range(2)]
    detect(head, [0, 1], streams)
    mixed = detect(head, [2, 2], streams)
    for seed, memory, found in zip([0, 1], alone, mixed, strict=True):
        detect(head, [seed], memory)
        assert same(found, detect(head, [2], memory)[0])
    assert not same(*mixed)
    detect(head, [3, 3], [streams[0], None])  # a frame without a memory beside one with


def test_a_saved_stream_goes_on_the_same() -> None:
    head = make_head()
    memory = StreamMemory(None, head.new_banks(seed=3))
    for seed in range(9):  # full
        detect(head, [seed], memory)
    state = copy.deepcopy(memory.state_dict())
    resumed = StreamMemory(None, head.new_banks())
    resumed.load_state_dict(state)
    for seed in range(9, 12):
        assert same(detect(head, [seed], memory)[0], detect(head, [seed], resumed)[0])


def test_frames_without_proposals_find_nothing_and_remember_nothing() -> None:
    head = make_head()
    memory = StreamMemory(None, head.new_banks())
    detect(head, [0], memory)
    before = [len(bank) for bank in memory.instance]
    assert [len(found) for found in detect(head, [1, 2], memory, count=0)] == [0, 0]
    assert [len(bank) for bank in memory.instance] == before
    with torch.no_grad():  # one without beside one with
        found = head.predict(maps(2), [proposals(0), proposals(5)], [sample()] * 2, memory=memory)
    assert len(found[0]) == 0 < len(found[1])
    assert set(found[0].keys()) == set(found[1].keys())


def test_another_box_head_is_refused() -> None:
    with pytest.raises(UsageError, match=r"needs bbox_head=dict.type='MambaBBoxHead', .*, got Shared2FCBBoxHead"):
        make_head(box="Shared2FCBBoxHead")
