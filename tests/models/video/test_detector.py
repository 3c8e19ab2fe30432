"""Video detectors on mmdet: what a frame sees of others, in training and in every mode of testing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from vision.errors import UsageError

Make = Callable[..., Any]
ROLES = {"key_frames_inds": [1], "ref_frames_inds": [0, 2]}


@pytest.fixture
def found(batch: Make) -> Make:
    """A function that predicts on one batch of clips: (boxes, scores, labels) of its key frames."""

    def predict(model: Any, *clips: Any) -> list[Any]:
        with torch.no_grad():
            tracks = model.predict(*batch(*clips))
        frames = [frame.pred_instances for track in tracks for frame in track.video_data_samples]
        assert all(len(frame.bboxes) for frame in frames)
        return [(frame.bboxes, frame.scores, frame.labels) for frame in frames]

    return predict


def same(one: Any, other: Any) -> bool:
    """Whether two lists of results are equal bit by bit."""
    assert len(one) == len(other)
    return all(torch.equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def terms(losses: dict[str, Any]) -> list[torch.Tensor]:
    """All that is summed up to the loss."""
    named = [(name, value if isinstance(value, list) else [value]) for name, value in losses.items()]
    return [term for name, values in named for term in values if "loss" in name]


def test_losses_are_finite_and_reach_all_that_learns(kind: str, video_detector: Make, clip: Make, batch: Make) -> None:
    model = video_detector(kind).train()
    losses = model.loss(*batch(clip(0, [3, 7, 9], **ROLES), clip(1, [0, 1, 2], 80, 64, **ROLES)))
    assert all(torch.isfinite(term).all() for term in terms(losses))
    sum(term.sum() for term in terms(losses)).backward()
    silent = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent, silent


def test_losses_without_references_reach_all_that_learns(
    kind: str, video_detector: Make, clip: Make, batch: Make
) -> None:
    """Else training in several processes fails, or needs find_unused_parameters."""
    model = video_detector(kind).train()
    losses = model.loss(*batch(clip(0, [3], key_frames_inds=[0], ref_frames_inds=[])))
    sum(term.sum() for term in terms(losses)).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert not [name for name, gradient in gradients.items() if gradient is None]
    assert not any(g.any() for name, g in gradients.items() if "aggregator" in name or name.startswith("pixel."))


def test_losses_are_those_of_key_frames_and_depend_on_references_where_there_is_memory(
    kind: str, video_detector: Make, clip: Make, batch: Make
) -> None:
    model = video_detector(kind).train()

    def total(*frames: int, **roles: Any) -> float:
        torch.manual_seed(1)
        np.random.seed(1)
        with torch.no_grad():
            return float(sum(term.sum() for term in terms(model.loss(*batch(clip(0, list(frames), **roles))))))

    alone = total(7, key_frames_inds=[0], ref_frames_inds=[])
    assert total(3, 7, 9, **ROLES) == total(3, 7, 9, **ROLES)
    assert total(3, 8, 9, **ROLES) != total(3, 7, 9, **ROLES)
    has_memory = kind != "plain"
    assert (total(3, 7, 9, **ROLES) != total(4, 7, 9, **ROLES)) == has_memory
    assert (total(3, 7, 9, **ROLES) != pytest.approx(alone, rel=1e-6)) == has_memory


def test_training_never_looks_at_the_boxes_of_references(
    kind: str, video_detector: Make, clip: Make, batch: Make
) -> None:
    model = video_detector(kind).train()
    totals = []
    for moved in (0.0, 20.0):
        inputs, samples = batch(clip(0, [3, 7, 9], **ROLES))
        for i in ROLES["ref_frames_inds"]:
            samples[0][i].gt_instances.bboxes += moved
        torch.manual_seed(1)
        np.random.seed(1)
        totals.append(float(sum(term.sum() for term in terms(model.loss(inputs, samples)))))
    assert totals[0] == totals[1]


def test_a_cold_start_is_plain_detection(kind: str, video_detector: Make, clip: Make, batch: Make, found: Make) -> None:
    model = video_detector(kind)
    images, samples = batch(clip(0, [0]))
    with torch.no_grad():
        plain = model.detector.predict(images[:, 0], samples[0].video_data_samples, rescale=True)[0].pred_instances
    assert same(found(model, clip(0, [0])), [(plain.bboxes, plain.scores, plain.labels)])


def test_a_frame_sees_the_past_of_its_own_video_alone(kind: str, video_detector: Make, clip: Make, found: Make) -> None:
    model = video_detector(kind)
    alone = [found(model, clip(0, [frame]))[0] for frame in range(4)]
    assert same([found(model, clip(0, [frame]))[0] for frame in range(4)], alone)  # frame 0 begins anew
    other_past = [found(model, clip(0, [frame], 64, 64 if frame else 96))[0] for frame in (0, 3)]
    fresh = found(video_detector(kind), clip(0, [3]))
    assert same(fresh, alone[3:]) == (kind == "plain")
    assert same(other_past[:1], alone[:1]) and not same(other_past[1:], alone[3:])

    turns = []
    for frame in range(4):
        turns += [found(model, clip(0, [frame]))[0]]
        found(model, clip(1, [frame]))
    assert same(turns, alone)


def test_a_batch_gives_what_single_frames_give(kind: str, video_detector: Make, clip: Make, found: Make) -> None:
    sizes = {0: (64, 96), 1: (80, 64), 2: (48, 112)}
    alone = {
        (video, frame): found(model, clip(video, [frame], *size))[0]
        for model in [video_detector(kind)]
        for video, size in sizes.items()
        for frame in range(3)
    }
    model = video_detector(kind)
    for frame in range(3):  # three videos per batch
        together = found(model, *(clip(video, [frame], *size) for video, size in sizes.items()))
        assert same(together, [alone[video, frame] for video in sizes])
    # Several frames of one video in one batch, and in one sample.
    assert same(found(model, *(clip(0, [frame]) for frame in range(3))), [alone[0, frame] for frame in range(3)])
    assert same(found(model, clip(0, [0, 1, 2])), [alone[0, frame] for frame in range(3)])


def test_results_are_in_pixels_of_the_original_frame(kind: str, video_detector: Make, clip: Make, found: Make) -> None:
    model = video_detector(kind)
    for frame in range(2):
        (whole,) = found(model, clip(0, [frame]))
        (half,) = found(model, clip(1, [frame]))
        assert not same([whole], [half])
    model = video_detector(kind)
    small = [found(model, clip(0, [frame], scale=0.5))[0] for frame in range(2)]
    model = video_detector(kind)
    usual = [found(model, clip(0, [frame]))[0] for frame in range(2)]
    for (boxes, scores, _), (expected, expected_scores, _) in zip(small, usual, strict=True):
        torch.testing.assert_close(boxes, 2 * expected)
        torch.testing.assert_close(scores, expected_scores)


@pytest.mark.parametrize("kind", ["pixel", "instance", "full"], indirect=True)
def test_offline_remembers_the_references_first(kind: str, video_detector: Make, clip: Make, found: Make) -> None:
    spread = {"key_frames_inds": [2], "ref_frames_inds": [0, 1]}
    model = video_detector(kind, mode="offline")
    offline = [found(model, clip(0, [5, 9, 0], **spread))[0], found(model, clip(0, [1]))[0]]

    # The same by hand: the references as the first frames of a causal run.
    model = video_detector(kind)
    found(model, clip(0, [0]))
    memory = model.streams.memory_of("hand", 0)
    for frame in (5, 9, 0, 1):
        images, track = clip(0, [frame])
        with torch.no_grad():
            sample = model.watch(images, track[0], memory)
        if frame in (0, 1):
            expected = sample.pred_instances
            assert same([offline[frame]], [(expected.bboxes, expected.scores, expected.labels)])
    causal = found(video_detector(kind), clip(0, [5, 9, 0], **spread))
    assert same(causal, found(video_detector(kind), clip(0, [0]))) and not same(causal, offline[:1])


@pytest.mark.parametrize("kind", ["pixel", "instance", "full"], indirect=True)
def test_offline_without_references_is_refused(kind: str, video_detector: Make, clip: Make, batch: Make) -> None:
    with pytest.raises(UsageError, match="mode='offline' needs reference frames with frame 0") as caught:
        video_detector(kind, mode="offline").predict(*batch(clip(0, [0])))
    assert caught.value.code == "bad-config"


@pytest.mark.parametrize("mode", ["causal", "offline"])
def test_every_result_says_its_mode(mode: str, video_detector: Make, clip: Make, batch: Make) -> None:
    roles = {"key_frames_inds": [1], "ref_frames_inds": [0]}
    (track,) = video_detector("pixel", mode=mode).predict(*batch(clip(0, [4, 0], **roles)))
    assert len(track) == 1 and track[0].frame_id == 0
    assert track[0].metainfo["mode"] == mode


def test_frames_out_of_order_or_twice_are_said_once(video_detector: Make, clip: Make, found: Make) -> None:
    model = video_detector("pixel")
    found(model, clip(0, [0]), clip(0, [1]))
    with pytest.warns(UserWarning, match="video 0: frame 1 comes after frame 1") as caught:
        found(model, clip(0, [1]), clip(0, [3]), clip(0, [2]), clip(0, [4]))
    assert len([warning for warning in caught if "comes after" in str(warning.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found(model, clip(0, [7]), clip(0, [0]), clip(0, [1]))


def test_memories_are_bounded_and_forgotten_when_training_goes_on(
    video_detector: Make, clip: Make, found: Make
) -> None:
    model = video_detector("pixel")
    for video in range(12):
        found(model, clip(video, [0]))
    assert len(model.streams) == 8
    found(model, *(clip(video, [0]) for video in range(10)))
    assert len(model.streams) == 10  # no video of a batch pushes another out
    bank = model.streams.memory_of(9, 1).pixel
    assert 0 < len(bank) <= 60
    assert not any("stream" in name or "bank" in name for name in model.state_dict())
    model.train()
    assert len(model.streams) == 0


def test_half_precision(video_detector: Make, clip: Make, batch: Make, found: Make) -> None:
    model = video_detector("pixel")
    with torch.autocast("cpu", torch.bfloat16):
        first, second = found(model, clip(0, [0]), clip(0, [1]))
        losses = model.train().loss(*batch(clip(0, [3, 7, 9], **ROLES)))
    assert torch.isfinite(first[1]).all() and torch.isfinite(second[1]).all()
    assert all(torch.isfinite(term).all() for term in terms(losses))


def test_what_makes_no_video_detector_is_named(video_detector: Make, clip: Make, batch: Make) -> None:
    pixel = {"embed_dim": 16, "num_heads": 2}
    with pytest.raises(UsageError, match="mode must be 'causal' or 'offline', got 'online'"):
        video_detector("plain", mode="online")
    with pytest.raises(UsageError, match=r"pixel\.levels must name some of the detector's 1 feature maps, .* \(1,\)"):
        video_detector("plain", pixel={**pixel, "levels": (1,)})
    with pytest.raises(UsageError, match="frames for a video detector need a frame_id"):
        images, samples = batch(clip(0, [0]))
        samples[0][0].pop("frame_id")
        video_detector("pixel").predict(images, samples)
