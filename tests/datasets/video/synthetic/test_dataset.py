from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mmdet")

import cv2
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

import vision.engine.registries.video  # noqa: F401 - its names
from vision.datasets import SyntheticVideo
from vision.datasets.video import VideoSampler
from vision.datasets.video.synthetic import SHAPES
from vision.errors import UsageError

FRAME = [
    {
        "type": "TransformBroadcaster",
        "share_random_params": True,
        "transforms": [{"type": "LoadSyntheticFrame"}, {"type": "LoadTrackAnnotations"}],
    },
    {"type": "PackTrackInputs", "meta_keys": ("degraded",)},
]
TRAIN = [{"type": "BilateralUniformSample", "num_ref_imgs": 2, "frame_range": 3}, *FRAME]
SMALL = {"num_videos": 3, "num_frames": 5, "size": (64, 80), "num_textures": 6, "texture_size": 64}


def make(**options) -> SyntheticVideo:
    return SyntheticVideo(**{**SMALL, "pipeline": TRAIN, **options})


def test_a_training_sample_is_a_key_frame_with_references_and_their_boxes():
    dataset = make(classes="shapes")
    sample = dataset[(1, 3)]
    track = sample["data_samples"]
    assert sample["inputs"].shape == (3, 3, 64, 80)
    assert dataset.metainfo["classes"] == SHAPES[:4]
    key = track[track.key_frames_inds[0]]
    assert key.frame_id == 3 and key.video_id == 1 and key.ori_shape == (64, 80)
    clip = dataset.clip(1)
    objects = clip.objects(3)
    boxes = np.concatenate([key.gt_instances.bboxes, key.ignored_instances.bboxes])
    assert sorted(boxes.tolist()) == sorted(objects.boxes.tolist())
    pixels = sample["inputs"][track.key_frames_inds[0]].numpy()
    np.testing.assert_array_equal(pixels[::-1].transpose(1, 2, 0), clip.frame(3))
    for frame in track.video_data_samples:
        assert frame.degraded == bool(clip.fault(frame.frame_id))


def test_testing_gives_frame_by_frame_with_references_of_the_whole_clip_first():
    dataset = make(pipeline=FRAME, test_mode=True, num_references=3, classes="people", degraded=0.4)
    assert [dataset.get_len_per_video(n) for n in range(len(dataset))] == [5, 5, 5]
    first, second = dataset[(0, 0)]["data_samples"], dataset[(0, 1)]["data_samples"]
    assert [frame.frame_id for frame in first.video_data_samples] == [0, 2, 4, 0]
    assert [frame.frame_id for frame in second.video_data_samples] == [1]
    flags = [dataset[(0, n)]["data_samples"][-1].degraded for n in range(5)]
    assert sum(flags) == 2 and not flags[0]
    assert dataset.metainfo["classes"] == ("person",)


@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_gives_the_same_frames(workers):
    loader = DataLoader(
        make(pipeline=FRAME, test_mode=True),
        batch_size=2,
        sampler=VideoSampler(make(pipeline=FRAME, test_mode=True)),
        num_workers=workers,
        collate_fn=pseudo_collate,
    )
    frames = {}
    for batch in loader:
        for inputs, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
            frames[sample[0].video_id, sample[0].frame_id] = inputs[0].numpy()[::-1].transpose(1, 2, 0)
    alone = make()
    assert len(frames) == 15
    for (video, frame), pixels in frames.items():
        np.testing.assert_array_equal(pixels, alone.clip(video).frame(frame))


def test_clips_are_kept_as_long_as_memory_allows():
    dataset = make(cache_mb=2 * 5 * 64 * 80 * 3 / 2**20)
    first = dataset.clip(0)
    dataset.clip(1)
    assert dataset.clip(0) is first
    dataset.clip(2)
    assert dataset.clip(0) is first
    before = dataset.clip(1).frame(2)
    dataset.clip(2)
    dataset.clip(0)
    np.testing.assert_array_equal(dataset.clip(1).frame(2), before)


def test_hardly_visible_objects_are_ignored():
    strict, lax = (make(min_visibility=share, objects=(8, 8)) for share in (1.0, 0.0))
    seen = [v for n in range(5) for v in strict.clip(0).objects(n).visibility]
    flags = [i["ignore_flag"] for frame in strict.get_data_info(0)["images"] for i in frame["instances"]]
    assert flags == [int(v < 1) for v in seen] and 0 < sum(flags) < len(flags)
    assert not any(i["ignore_flag"] for frame in lax.get_data_info(0)["images"] for i in frame["instances"])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"num_videos": 0}, "num_videos is 0; expected at least 1"),
        ({"num_frames": 0}, "num_frames is 0"),
        ({"size": (31, 64)}, "size is (31, 64); expected height and width of at least 32"),
        ({"degraded": 1.5}, "degraded is 1.5; expected 0 to 1"),
        ({"faults": ("snow",)}, "faults is ('snow',); expected some of motion, defocus, noise, occlusion"),
        ({"classes": "cars"}, "classes is 'cars'; expected 'shapes', 'people', or some of striped disk"),
        ({"classes": ()}, "classes is ()"),
        ({"objects": (3, 2)}, "objects is (3, 2)"),
        ({"people": "somewhere"}, "people is 'somewhere'; expected None, or classes to be 'people'"),
    ],
)
def test_arguments_out_of_range_are_named(options, words):
    with pytest.raises(UsageError) as caught:
        make(**options)
    assert words in str(caught.value) and caught.value.code == "out-of-range"


def write_cutout(folder, color=(0, 0, 255)) -> None:
    """A photograph of 120 x 80 with a person of one color, 60 x 20."""
    photo, mask = np.full((120, 80, 3), 90, np.uint8), np.zeros((120, 80), np.uint8)
    photo[30:90, 30:50] = color
    mask[30:90, 30:50] = 1
    cv2.imwrite(str(folder / "one.png"), photo)
    cv2.imwrite(str(folder / "one_mask.png"), mask)


def test_people_can_come_from_photographs(tmp_path):
    write_cutout(tmp_path)
    dataset = make(classes="people", people=tmp_path, objects=(6, 6), degraded=0.0, num_frames=1, size=(200, 200))
    red = 0
    for number in range(3):
        stage = dataset.clip(number).stage
        image, owners = stage.draw(0).astype(int), stage.owners(0)
        for track in dataset.clip(number).objects(0).track_ids:
            r, g, b = np.median(image[owners == track], axis=0)
            red += r > 150 and g < 60 and b < 60
    assert red >= 4


def test_folders_without_what_they_should_hold_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"no NAME_mask\.png beside"):
        make(classes="people", people=tmp_path)
    with pytest.raises(UsageError, match="no photographs there"):
        make(backgrounds=tmp_path)
    write_cutout(tmp_path)
    cv2.imwrite(str(tmp_path / "one_mask.png"), np.zeros((5, 5), np.uint8))
    with pytest.raises(UsageError, match="expected one size"):
        make(classes="people", people=tmp_path, objects=(9, 9)).clip(0)


def test_photographs_can_be_backgrounds(tmp_path):
    green = np.zeros((90, 120, 3), np.uint8)
    green[..., 1] = 200
    cv2.imwrite(str(tmp_path / "green.png"), green)
    dataset = make(backgrounds=tmp_path, photo_share=1.0)
    assert (dataset.clip(0).stage.background == (0, 200, 0)).all()
