"""Stereo and flow data sets in the folder layouts in which they are published: small trees, every file read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.datasets import (
    CREStereoDataset,
    ETH3DDataset,
    FlyingThingsFlowDataset,
    KITTI2012Dataset,
    KITTI2015Dataset,
    KITTIFlowDataset,
    MiddleburyDataset,
    SceneFlowDataset,
    SintelDataset,
    SpringDataset,
    StereoDataset,
    StereoFolderDataset,
)
from vision.errors import UsageError
from vision.stereo_io import write_disparity, write_flow, write_pfm, write_png

H, W = 12, 16
TRUTH = np.arange(1, H * W + 1, dtype=np.float32).reshape(H, W) / 4
TRUTH[3, 4] = np.nan
FLOW = np.dstack([TRUTH - 20, 5 - TRUTH])


def picture(path: Path, level: int = 0, size: tuple[int, int] = (H, W)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path)


def truth(path: Path, values: np.ndarray = TRUTH) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_disparity(path, values) if values.ndim == 2 else write_flow(path, values)


def mask(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, values.astype(np.uint8))


def read_all(dataset: StereoDataset) -> list[dict[str, Any]]:
    """Every sample, its views told apart by their gray level: left 10, right 20, as `views` writes them."""
    samples = [dataset.read(i) for i in range(len(dataset))]
    for sample in samples:
        assert sample["left"].max() == 10 and sample["right"].max() == 20, sample["path"]
        assert sample["left"].shape == sample["right"].shape
    return samples


def views(left: Path, right: Path, size: tuple[int, int] = (H, W)) -> None:
    picture(left, 10, size)
    picture(right, 20, size)


def scene_flow_scene(base: Path, scene: str, frame: str = "0006", kind: str = "clean", webp: bool = False) -> None:
    suffix, folder = (".webp", f"frames_{kind}pass_webp") if webp else (".png", f"frames_{kind}pass")
    for side, level, values in (("left", 10, TRUTH), ("right", 20, TRUTH + 1)):
        path = base / folder / scene / side / f"{frame}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((H, W, 3), level, np.uint8)).save(path, **({"lossless": True} if webp else {}))
        truth(base / "disparity" / scene / side / f"{frame}.pfm", values)


def test_what_both_views_see_comes_of_both_disparities_where_no_file_says_it(tmp_path: Path) -> None:
    scene = tmp_path / "trainingQ" / "Wall"
    views(scene / "im0.png", scene / "im1.png")
    left, right = np.full((H, W), 2, np.float32), np.full((H, W), 2, np.float32)
    left[4:6, 8:12] = 5  # something near hides what is behind it, to its left in the right view
    right[4:6, 3:7] = 5
    left[0, 5] = np.nan
    truth(scene / "disp0.pfm", left)
    truth(scene / "disp1.pfm", right)
    (sample,) = read_all(MiddleburyDataset(tmp_path))
    expected = np.arange(W) >= np.full((H, 1), 2)
    expected[4:6, 5:8] = False
    expected[0, 5] = False
    np.testing.assert_array_equal(sample["visible"], expected)
    expected = np.arange(W) <= np.full((H, 1), W - 3)
    expected[4:6, 7:9] = False  # beside the edge, one of the two pixels next to the place is enough
    np.testing.assert_array_equal(sample["visible_right"], expected)


@pytest.mark.parametrize("webp", [False, True])
def test_scene_flow(tmp_path: Path, webp: bool) -> None:
    scene_flow_scene(tmp_path / "FlyingThings3D", "TRAIN/A/0000", webp=webp)
    scene_flow_scene(tmp_path / "FlyingThings3D", "TRAIN/B/0001", "0007", webp=webp)
    scene_flow_scene(tmp_path / "FlyingThings3D", "TEST/A/0000", webp=webp)
    scene_flow_scene(tmp_path / "Monkaa", "eating_x2", "0000", webp=webp)
    scene_flow_scene(tmp_path / "Driving", "15mm_focallength/scene_forwards/fast", webp=webp)
    picture(tmp_path / "Monkaa" / f"frames_cleanpass{'_webp' * webp}" / "eating_x2" / "left" / "0001.png", 10)
    samples = read_all(SceneFlowDataset(tmp_path))
    assert [sample["scene"].split("/")[-1] for sample in samples] == ["fast", "0000", "0001", "eating_x2"]
    for sample in samples:
        np.testing.assert_array_equal(sample["disparity"], TRUTH)
        np.testing.assert_array_equal(sample["disparity_right"], TRUTH + 1)
        assert sample["visible"].any() and not sample["visible"][np.isnan(TRUTH)].any()
    (test,) = SceneFlowDataset(tmp_path, split="test").pairs
    assert "/TEST/A/0000/left/0006" in test.left and "/TEST/A/0000/left/0006.pfm" in test.disparity
    assert len(SceneFlowDataset(tmp_path / "FlyingThings3D")) == 2
    with pytest.raises(UsageError, match=r"looked for frames_.*final pass"):
        SceneFlowDataset(tmp_path, render_pass="final")


def test_scene_flow_in_two_formats_counts_once(tmp_path: Path) -> None:
    scene_flow_scene(tmp_path, "eating_x2")
    scene_flow_scene(tmp_path, "eating_x2", webp=True)
    assert len(SceneFlowDataset(tmp_path)) == 1


def test_flying_things_subset(tmp_path: Path) -> None:
    """Its left disparities may be stored as negative displacements."""
    for part in ("train", "val"):
        base = tmp_path / "FlyingThings3D_subset" / part
        for side, level in (("left", 10), ("right", 20)):
            picture(base / "image_clean" / side / "0000012.png", level)
            truth(base / "disparity" / side / "0000012.pfm", -TRUTH if side == "left" else TRUTH)
    for split, part in (("train", "train"), ("test", "val")):
        (sample,) = read_all(SceneFlowDataset(tmp_path, split))
        assert f"/{part}/" in sample["path"]
        np.testing.assert_array_equal(sample["disparity"], TRUTH)


@pytest.mark.parametrize(
    ("dataset", "left", "right", "occ", "noc"),
    [
        (KITTI2012Dataset, "colored_0", "colored_1", "disp_occ", "disp_noc"),
        (KITTI2012Dataset, "image_0", "image_1", "disp_occ", "disp_noc"),
        (KITTI2015Dataset, "image_2", "image_3", "disp_occ_0", "disp_noc_0"),
    ],
)
@pytest.mark.parametrize("folder", ["training", ""])
def test_kitti(
    tmp_path: Path, dataset: type[KITTI2015Dataset], left: str, right: str, occ: str, noc: str, folder: str
) -> None:
    base = tmp_path / folder
    seen = TRUTH.copy()
    seen[:, :5] = np.nan
    for frame in ("000000", "000007"):
        for time in ("10", "11"):
            views(base / left / f"{frame}_{time}.png", base / right / f"{frame}_{time}.png")
        truth(base / occ / f"{frame}_10.png")
        truth(base / noc / f"{frame}_10.png", seen)
    views(base / left / "000008_10.png", base / right / "000008_10.png")  # without truth
    views(tmp_path / "testing" / left / "000000_10.png", tmp_path / "testing" / right / "000000_10.png")
    samples = read_all(dataset(tmp_path))
    assert [sample["scene"] for sample in samples] == ["000000_10", "000007_10"]
    np.testing.assert_array_equal(samples[1]["disparity"], TRUTH)
    np.testing.assert_array_equal(samples[1]["visible"], ~np.isnan(seen))
    assert samples[1]["disparity_right"] is None
    (test,) = read_all(dataset(tmp_path, split="test"))
    assert test["disparity"] is None and test["visible"] is None and "/testing/" in test["path"]


def test_kitti_2012_prefers_color(tmp_path: Path) -> None:
    for left, right in (("image_0", "image_1"), ("colored_0", "colored_1")):
        views(tmp_path / left / "000000_10.png", tmp_path / right / "000000_10.png")
    truth(tmp_path / "disp_occ" / "000000_10.png")
    (pair,) = KITTI2012Dataset(tmp_path).pairs
    assert "/colored_0/" in pair.left and "/colored_1/" in pair.right


@pytest.mark.parametrize(("name", "masked"), [("disp0", False), ("disp0GT", True)])
def test_middlebury_pfm(tmp_path: Path, name: str, masked: bool) -> None:
    scene = tmp_path / "trainingQ" / "Adirondack"
    views(scene / "im0.png", scene / "im1.png")
    truth(scene / f"{name}.pfm")
    levels = np.where(np.isnan(TRUTH), 0, np.where(np.arange(W) < 3, 128, 255))
    if masked:
        mask(scene / "mask0nocc.png", levels)
    else:
        truth(scene / "disp1.pfm", TRUTH + 1)
    views(tmp_path / "testQ" / "Plants" / "im0.png", tmp_path / "testQ" / "Plants" / "im1.png")
    (sample,) = read_all(MiddleburyDataset(tmp_path))
    assert sample["scene"] == "trainingQ/Adirondack"
    np.testing.assert_array_equal(sample["disparity"], TRUTH)
    if masked:
        np.testing.assert_array_equal(sample["visible"], levels == 255)
    else:
        assert sample["visible"].any() and not sample["visible"][np.isnan(TRUTH)].any()
        np.testing.assert_array_equal(sample["disparity_right"], TRUTH + 1)


@pytest.mark.parametrize(
    ("year", "left", "right", "maps", "height", "scale"),
    [
        (2003, "im2.png", "im6.png", ("disp2.png", "disp6.png"), 375, 4),
        (2003, "im2.ppm", "im6.ppm", ("disp2.pgm", "disp6.pgm"), 750, 2),
        (2005, "view1.png", "view5.png", ("disp1.png", "disp5.png"), 370, 3),
        (2006, "view1.png", "view5.png", ("disp1.png", "disp5.png"), 1110, 1),
    ],
)
def test_middlebury_gray(
    tmp_path: Path, year: int, left: str, right: str, maps: tuple[str, str], height: int, scale: int
) -> None:
    scene = tmp_path / str(year) / "scene"
    views(scene / left, scene / right, (height, 20))
    for other in ("view0.png", "view3.png", "im0.ppm"):
        picture(scene / other, 99, (height, 20))
    for name, level in zip(maps, (60, 90), strict=True):
        levels = np.full((height, 20), level, np.uint8)
        levels[0, 0] = 0
        Image.fromarray(levels).save(scene / name)
    (sample,) = read_all(MiddleburyDataset(tmp_path))
    assert np.isnan(sample["disparity"][0, 0]) and sample["scene"] == f"{year}/scene"
    assert (sample["disparity"][1, 1], sample["disparity_right"][1, 1]) == (60 / scale, 90 / scale)
    assert read_all(MiddleburyDataset(tmp_path, scale=8))[0]["disparity"][1, 1] == 7.5


@pytest.mark.parametrize("apart", [False, True])
def test_eth3d(tmp_path: Path, apart: bool) -> None:
    scene = tmp_path / "two_view_training" / "delivery_area_1l"
    place = tmp_path / "two_view_training_gt" / "delivery_area_1l" if apart else scene
    views(scene / "im0.png", scene / "im1.png")
    truth(place / "disp0GT.pfm")
    mask(place / "mask0nocc.png", np.where(np.arange(W) < 5, 128, np.full((H, 1), 255)))
    for root in (tmp_path, tmp_path / "two_view_training"):
        (sample,) = read_all(ETH3DDataset(root))
        assert sample["scene"].endswith("delivery_area_1l")
        np.testing.assert_array_equal(sample["disparity"], TRUTH)
        assert sample["visible"].sum() == H * (W - 5)


def test_crestereo(tmp_path: Path) -> None:
    for part in ("tree", "hole"):
        folder = tmp_path / part / "0"
        folder.mkdir(parents=True)
        for side, level in (("left", 10), ("right", 20)):
            picture(folder / f"42_{side}.jpg", level)
            write_png(folder / f"42_{side}.disp.png", np.full((H, W), 32 * level + 16, np.uint16))
    picture(tmp_path / "hole" / "0" / "43_left.jpg", 10)  # alone
    samples = read_all(CREStereoDataset(tmp_path))
    assert [sample["scene"] for sample in samples] == ["hole/0/42", "tree/0/42"]
    assert samples[0]["disparity"].max() == 10.5 and samples[0]["disparity_right"].max() == 20.5
    assert len(CREStereoDataset(tmp_path / "tree")) == 1


def spring_scene(root: Path, split: str, with_truth: Callable[[Path], None] | None) -> None:
    scene = root / split / "0001"
    for frame in ("0001", "0002"):
        views(scene / "frame_left" / f"frame_left_{frame}.png", scene / "frame_right" / f"frame_right_{frame}.png")
        if with_truth is not None:
            for side in ("left", "right"):
                with_truth(scene / f"disp1_{side}" / f"disp1_{side}_{frame}.dsp5")


def test_spring_files(tmp_path: Path) -> None:
    def empty(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.touch()

    spring_scene(tmp_path, "train", empty)
    spring_scene(tmp_path, "test", None)
    pairs = SpringDataset(tmp_path).pairs
    assert [Path(pair.left).name for pair in pairs] == ["frame_left_0001.png", "frame_left_0002.png"]
    assert pairs[1].disparity.endswith("train/0001/disp1_left/disp1_left_0002.dsp5")
    assert pairs[1].disparity_right.endswith("disp1_right/disp1_right_0002.dsp5") and pairs[1].scene == "0001"
    test = read_all(SpringDataset(tmp_path, split="test"))
    assert len(test) == 2 and test[0]["disparity"] is None
    assert SpringDataset(tmp_path / "train").pairs == pairs


def test_spring_truth(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    def write(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        with h5py.File(path, "w") as file:
            file["disparity"] = np.kron(TRUTH, np.ones((2, 2)))

    spring_scene(tmp_path, "train", write)
    for sample in read_all(SpringDataset(tmp_path)):
        np.testing.assert_array_equal(sample["disparity"], TRUTH)


@pytest.mark.parametrize("suffix", ["png", "pfm", "npy"])
def test_folder(tmp_path: Path, suffix: str) -> None:
    views(tmp_path / "b" / "left.jpg", tmp_path / "b" / "right.bmp")
    views(tmp_path / "a" / "left.png", tmp_path / "a" / "right.png")
    truth(tmp_path / "a" / f"disp.{suffix}")
    truth(tmp_path / "a" / f"disp_right.{suffix}", TRUTH + 1)
    mask(tmp_path / "a" / "mask_nocc.png", np.where(np.arange(W) < 5, 0, np.full((H, 1), 255)))
    picture(tmp_path / "c" / "left.png", 10)  # without its partner
    with_truth, without = read_all(StereoFolderDataset(tmp_path))
    assert (with_truth["scene"], without["scene"]) == ("a", "b")
    np.testing.assert_array_equal(with_truth["disparity"], TRUTH)
    np.testing.assert_array_equal(with_truth["disparity_right"], TRUTH + 1)
    assert with_truth["visible"].dtype == bool and with_truth["visible"].sum() == H * (W - 5)
    assert without["disparity"] is without["disparity_right"] is without["visible"] is None
    (alone,) = StereoFolderDataset(tmp_path / "a").pairs
    assert alone.scene == "a"


@pytest.mark.parametrize("folder", ["image_2", "colored_0"])
def test_kitti_flow(tmp_path: Path, folder: str) -> None:
    base = tmp_path / "training"
    views(base / folder / "000003_10.png", base / folder / "000003_11.png")
    picture(base / folder / "000004_10.png", 10)
    seen = FLOW.copy()
    seen[:, :5] = np.nan
    for frame in ("000003", "000004"):
        truth(base / "flow_occ" / f"{frame}_10.png", FLOW)
        truth(base / "flow_noc" / f"{frame}_10.png", seen)
    (sample,) = read_all(KITTIFlowDataset(tmp_path))
    np.testing.assert_array_equal(sample["flow"], np.where(np.isnan(TRUTH)[..., None], np.nan, FLOW))
    np.testing.assert_array_equal(sample["visible"], ~np.isnan(seen).any(axis=2))
    assert "disparity" not in sample and sample["scene"] == "000003_10"


def test_sintel(tmp_path: Path) -> None:
    base = tmp_path / "training"
    for number, level in ((1, 10), (2, 20), (4, 20)):
        picture(base / "final" / "alley_1" / f"frame_{number:04d}.png", level)
        truth(base / "flow" / "alley_1" / f"frame_{number:04d}.flo", FLOW)
        mask(
            base / "occlusions" / "alley_1" / f"frame_{number:04d}.png",
            np.where(np.arange(W) < 5, 255, np.zeros((H, 1))),
        )
    (sample,) = read_all(SintelDataset(tmp_path))
    assert sample["path"].endswith("final/alley_1/frame_0001.png") and sample["scene"] == "alley_1"
    assert sample["visible"].sum() == H * (W - 5)
    np.testing.assert_array_equal(sample["flow"], np.where(np.isnan(TRUTH)[..., None], np.nan, FLOW))
    with pytest.raises(UsageError, match="clean pass"):
        SintelDataset(tmp_path, render_pass="clean")


def test_flying_things_flow(tmp_path: Path) -> None:
    base = tmp_path / "FlyingThings3D"
    for number, level in ((6, 10), (7, 20)):
        picture(base / "frames_cleanpass/TRAIN/A/0000/left" / f"{number:04d}.png", level)
        folder = base / "optical_flow/TRAIN/A/0000/into_future/left"
        folder.mkdir(parents=True, exist_ok=True)
        write_pfm(folder / f"OpticalFlowIntoFuture_{number:04d}_L.pfm", np.dstack([FLOW, 0 * TRUTH]))
    (sample,) = read_all(FlyingThingsFlowDataset(tmp_path))
    assert sample["flow"].shape == (H, W, 2) and sample["visible"] is None
    with pytest.raises(UsageError, match="split 'test'"):
        FlyingThingsFlowDataset(tmp_path, split="test")


NAMED = [
    *(SceneFlowDataset, KITTI2012Dataset, KITTI2015Dataset, MiddleburyDataset, ETH3DDataset, CREStereoDataset),
    *(SpringDataset, StereoFolderDataset, KITTIFlowDataset, SintelDataset, FlyingThingsFlowDataset),
]


@pytest.mark.parametrize("dataset", NAMED)
def test_nothing_there(tmp_path: Path, dataset: type[Any]) -> None:
    with pytest.raises(UsageError, match=r"none' is not a folder; expected .*\w+"):
        dataset(tmp_path / "none")
    (tmp_path / "photos").mkdir()
    picture(tmp_path / "photos" / "holiday.png")
    with pytest.raises(UsageError, match=r"found no pair of images; looked for \S+"):
        dataset(tmp_path)


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        (SceneFlowDataset, {"split": "val"}, "split is 'val'; expected 'train' or 'test'"),
        (SceneFlowDataset, {"render_pass": "raw"}, "render_pass is 'raw'; expected 'clean' or 'final'"),
        (KITTI2015Dataset, {"split": "training"}, "expected 'train' or 'test'"),
        (SpringDataset, {"split": "all"}, "expected 'train' or 'test'"),
        (SintelDataset, {"render_pass": "raw"}, "'clean' or 'final' or 'albedo'"),
    ],
)
def test_unknown_words(tmp_path: Path, dataset: type[Any], arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataset(tmp_path, **arguments)
