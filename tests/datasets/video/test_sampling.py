"""References in training, data sets as one, and in which order frames come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import ConcatDataset

from vision.datasets.video import sampler as sampler_module
from vision.datasets.video.base import VideoDataset
from vision.datasets.video.concat import VideoConcat
from vision.datasets.video.references import BilateralUniformSample
from vision.datasets.video.sampler import VideoBatchSampler, VideoSampler
from vision.engine.registries import video as _registered  # noqa: F401 - pipelines name what it registers
from vision.errors import UsageError

PACK = [
    {"type": "BilateralUniformSample"},
    {
        "type": "TransformBroadcaster",
        "share_random_params": True,
        "transforms": [
            {"type": "LoadImageFromFile"},
            {"type": "LoadTrackAnnotations"},
            {"type": "RandomFlip", "prob": 0.5},
        ],
    },
    {"type": "PackTrackInputs", "meta_keys": ("video_name", "degraded", "frame_number")},
]


class Lengths:
    """Videos of some lengths, without anything in them; each frame is a key frame."""

    def __init__(self, *lengths: int, test_mode: bool = False, num_references: int = 0) -> None:
        self.lengths, self.test_mode, self.num_references = lengths, test_mode, num_references

    def __len__(self) -> int:
        return len(self.lengths)

    def get_len_per_video(self, video: int) -> int:
        return self.lengths[video]

    def key_frames(self, video: int) -> range:
        return range(self.lengths[video])


@pytest.fixture
def as_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """A function that makes samplers those of one of several processes."""

    def pretend(rank: int, world_size: int) -> None:
        monkeypatch.setattr(sampler_module, "get_dist_info", lambda: (rank, world_size))

    return pretend


@given(st.integers(1, 40), st.data())
def test_references_come_from_both_sides_within_the_range(length: int, data: st.DataObject) -> None:
    key = data.draw(st.integers(0, length - 1))
    reach, count = data.draw(st.integers(1, 30)), data.draw(st.integers(0, 8))
    found = BilateralUniformSample(count, reach).sample(
        length, key, np.random.default_rng(data.draw(st.integers(0, 9)))
    )
    assert len(found) == count
    near = set(range(max(0, key - reach), min(length, key + reach + 1))) - {key} or {key}
    assert set(found) <= near
    before, behind = sum(place < key for place in found), sum(place > key for place in found)
    some_before, some_behind = min(key, reach), min(length - 1 - key, reach)
    if min(some_before, some_behind) >= (count + 1) // 2:
        assert abs(before - behind) <= 1
    # No frame twice as long as there are others.
    if count <= len(near):
        assert len(set(found)) == count


def test_references_are_even_over_their_side() -> None:
    sample, rng = BilateralUniformSample(2, (-3, 5)), np.random.default_rng(0)
    counts = Counter(place for _ in range(3000) for place in sample.sample(20, 10, rng))
    assert sorted(counts) == [7, 8, 9, 11, 12, 13, 14, 15]
    assert all(900 < counts[place] < 1100 for place in (7, 8, 9))
    assert all(500 < counts[place] < 700 for place in (11, 12, 13, 14, 15))


def test_a_key_frame_with_references_through_the_pipeline_of_mmdet(
    listed: Callable[..., VideoDataset], make_videos: Any
) -> None:
    torch.manual_seed(0)
    packed = listed(make_videos(2, 9), pipeline=PACK)[1, 4]
    sample = packed["data_samples"]
    assert packed["inputs"].shape == (3, 3, 48, 64)
    shades = packed["inputs"][:, 0, 0, 0].tolist()
    assert shades == sorted(shades) and shades[0] < 14 and shades[1] == 14 and shades[2] > 14
    assert (sample.key_frames_inds, sample.ref_frames_inds) == ([1], [0, 2])
    assert [frame.video_name for frame in sample.video_data_samples] == ["clip1"] * 3
    assert [frame.ori_video_length for frame in sample.video_data_samples] == [9] * 3
    assert [frame.frame_id for frame in sample.video_data_samples] == [shade - 10 for shade in shades]
    # One random choice for all frames.
    assert len({frame.flip for frame in sample.video_data_samples}) == 1
    box = sample[1].gt_instances.bboxes[0].tolist()
    assert box == ([40.0, 1.0, 60.0, 21.0] if sample[1].flip else [4.0, 1.0, 24.0, 21.0])


def test_a_picture_is_its_own_reference_and_an_empty_frame_has_no_boxes(
    listed: Callable[..., VideoDataset], make_videos: Any
) -> None:
    (video,) = make_videos(1)
    video["images"][0]["instances"] = []
    packed = listed([video], pipeline=PACK, filter_cfg={"filter_empty_gt": False})[0, 0]
    sample = packed["data_samples"]
    assert (sample.key_frames_inds, sample.ref_frames_inds) == ([0], [1, 2])
    assert sample[0].gt_instances.bboxes.shape == (0, 4)


def test_random_choices_follow_the_seed_of_torch(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    data = listed(make_videos(40), pipeline=[{"type": "BilateralUniformSample"}])

    def drawn(seed: int) -> list[list[int]]:
        torch.manual_seed(seed)
        return [data[0, 20]["frame_id"] for _ in range(4)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len({tuple(frames) for frames in drawn(1)}) > 1
    # Without a frame, one of those to learn from is chosen.
    video = data.get_data_info(0) | {"key_frames": [7]}
    found = BilateralUniformSample().transform(video)
    assert found["frame_id"][found["key_frame_flags"].index(True)] == 7


@pytest.mark.parametrize(("arguments", "named"), [({"num_ref_imgs": -1}, "-1"), ({"frame_range": (3, 9)}, r"\(3, 9\)")])
def test_impossible_references_are_refused(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        BilateralUniformSample(**arguments)


def test_the_trap_of_mmengines_concat_is_still_there(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    both = ConcatDataset([listed(make_videos(2)), listed(make_videos(3))])
    with pytest.raises((TypeError, ValueError)):
        both[1, 2]


def test_concat_is_asked_for_a_frame_of_a_video(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    first = listed(make_videos(2, 3, folder="a"), pipeline=PACK)
    second = listed(make_videos(1, 1, 4, folder="b"), pipeline=PACK)
    both = VideoConcat([first, second])
    assert len(both) == 5 and [both.get_len_per_video(i) for i in range(5)] == [2, 3, 1, 1, 4]
    assert both.parts == [range(2), range(2, 5)]
    places = list(VideoSampler(both, seed=0))
    assert sorted(places) == [(v, f) for v, n in enumerate([2, 3, 1, 1, 4]) for f in range(n)]
    shades = {}
    for place in places:
        packed = both[place]
        key = packed["data_samples"][packed["data_samples"].key_frames_inds[0]]
        shades[place] = (key.img_path.split("/")[-3], key.frame_id, key.video_id)
    # No two videos share a number, whatever their own data sets call them.
    expected = {(v, f): ("a" if v < 2 else "b", f, v) for v, f in places}
    assert shades == expected
    images = [frame["img_id"] for i in range(5) for frame in both.get_data_info(i)["images"]]
    assert len(set(images)) == len(images) == 11
    assert both.metainfo["classes"] == ("cat",)


def test_concat_replaces_a_broken_frame(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    videos = make_videos(1, 1)
    both = VideoConcat([listed(videos[:1], pipeline=PACK), listed(videos[1:], pipeline=PACK)])
    with open(videos[0]["images"][0]["img_path"], "wb"):
        pass
    np.random.seed(0)
    assert both[0, 0]["inputs"][0, 0, 0, 0] == 10


def test_concat_of_what_does_not_fit_is_refused(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    videos = make_videos(1)
    with pytest.raises(UsageError, match=r"differ in classes: \('cat',\) and \('dog',\)"):
        VideoConcat([listed(videos), listed(videos, classes=("dog",))])
    with pytest.raises(UsageError, match="differ in test_mode: False and True"):
        VideoConcat([listed(videos), listed(videos, test_mode=True)])
    with pytest.raises(UsageError, match="datasets is empty"):
        VideoConcat([])
    with pytest.raises(UsageError, match="Lengths cannot be asked for frames"):
        VideoConcat([Lengths(1)])  # type: ignore[list-item]


def test_an_epoch_takes_each_key_frame_once_on_one_of_the_processes(as_process: Callable[[int, int], None]) -> None:
    data = Lengths(3, 4, 6)
    found = []
    for rank in range(3):
        as_process(rank, 3)
        one = VideoSampler(data, seed=5)
        assert len(list(one)) == len(one) == 5
        found.append(list(one))
    everything = [place for part in found for place in part]
    assert set(everything) == {(v, f) for v, n in enumerate([3, 4, 6]) for f in range(n)}
    assert len(everything) == 15
    as_process(0, 1)
    one = VideoSampler(data, seed=5)
    first = list(one)
    assert list(one) == first
    one.set_epoch(1)
    assert list(one) != first and sorted(one) == sorted(first)
    assert all(type(number) is int for place in first for number in place)


def test_shares_of_data_sets(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    both = VideoConcat([listed(make_videos(9)), listed(make_videos(1, 1, folder="b"))])
    one = VideoSampler(both, num_samples=(4, 6), seed=0)
    counts = Counter(video for video, _ in one)
    assert len(one) == 10 and counts == {0: 4, 1: 3, 2: 3}
    for wrong in (5, (1, 2, 3), (0, 0), (-1, 2)):
        with pytest.raises(UsageError, match="one number from 0 for each of 2 data sets"):
            VideoSampler(both, num_samples=wrong)
    with pytest.raises(UsageError, match="list has no key frames"):
        VideoSampler([1, 2])


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_processes_test_whole_videos_in_order(world_size: int, as_process: Callable[[int, int], None]) -> None:
    data = Lengths(5, 1, 9, 3, 4, test_mode=True)
    parts = []
    for rank in range(world_size):
        as_process(rank, world_size)
        parts.append(list(VideoSampler(data)))
    videos = [{video for video, _ in part} for part in parts]
    assert sum(map(len, videos)) == 5 == len(set().union(*videos))
    for part in parts:
        assert part == sorted(part)
    assert sum(map(len, parts)) == 22
    if world_size == 2:
        assert sorted(map(len, parts)) == [10, 12]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 5), st.booleans())
def test_batches_of_a_test_are_frames_of_different_videos_each_in_order(
    lengths: list[int], batch_size: int, has_references: bool
) -> None:
    data = Lengths(*lengths, test_mode=True, num_references=14 * has_references)
    batches = VideoBatchSampler(VideoSampler(data, seed=0), batch_size)
    found = list(batches)
    assert len(found) == len(batches)
    for batch in found:
        assert 1 <= len({video for video, _ in batch}) == len(batch) <= batch_size
        if has_references:
            assert len({frame == 0 for _, frame in batch}) == 1
    order = [place for batch in found for place in batch]
    assert sorted(order) == sorted(VideoSampler(data, seed=0))
    for video in range(len(lengths)):
        frames = [frame for owner, frame in order if owner == video]
        assert all(after == before + 1 for before, after in pairwise(frames)) and frames[0] == 0


def test_a_batch_of_a_test_goes_on_with_the_next_video() -> None:
    batches = VideoBatchSampler(VideoSampler(Lengths(3, 1, 2, test_mode=True), seed=0), 2)
    assert list(batches) == [[(0, 0), (1, 0)], [(0, 1), (2, 0)], [(0, 2), (2, 1)]]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 5), st.booleans(), st.integers(0, 3))
def test_batches_of_training_hold_each_frame_once(
    lengths: list[int], batch_size: int, drop_last: bool, epoch: int
) -> None:
    one = VideoSampler(Lengths(*lengths), seed=0)
    one.set_epoch(epoch)
    batches = VideoBatchSampler(one, batch_size, drop_last)
    found = list(batches)
    assert len(found) == len(batches)
    order = [place for batch in found for place in batch]
    assert len(order) == len(set(order)) and set(order) <= set(one)
    if not drop_last:
        assert sorted(order) == sorted(one)
    assert all(len(batch) == batch_size for batch in found[:-1])


def test_batches_of_training_hold_different_videos_while_there_are_some() -> None:
    batches = list(VideoBatchSampler(VideoSampler(Lengths(*[10] * 8), seed=0), 4))
    different = sum(len({video for video, _ in batch}) == 4 for batch in batches)
    assert len(batches) == 20 and different >= 18
    with pytest.raises(UsageError, match="batch_size is 0"):
        VideoBatchSampler(VideoSampler(Lengths(1)), 0)
