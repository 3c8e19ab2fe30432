"""Listing stereo pairs in the folder layouts of the field's data sets: pure functions over a directory tree.

Each takes the folder that the set was unpacked to and returns `StereoFiles` in a fixed order; nothing is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from vision.datasets.stereo.files import StereoFiles, checked, checked_root, folders_below, stems
from vision.errors import UsageError

_PFM = frozenset({".pfm"})
_TRUTH = frozenset({".pfm", ".png", ".npy"})
_SPLITS = ("train", "test")
_SCENE_FLOW = (
    "frames_{clean,final}pass[_webp]/[TRAIN|TEST/]<scene>/{left,right}/<frame>.png with disparity/.../<frame>.pfm, in "
    "the folder or in folders such as FlyingThings3D, Monkaa and Driving in it; or "
    "{train,val}/image_{clean,final}/{left,right} with {train,val}/disparity"
)
_KITTI_2012 = "{training,testing}/{colored_0,colored_1 or image_0,image_1}/<frame>_10.png, disp_occ and disp_noc"
_KITTI_2015 = "{training,testing}/{image_2,image_3}/<frame>_10.png, disp_occ_0 and disp_noc_0"
_MIDDLEBURY = (
    "scene folders with im0.png, im1.png and disp0.pfm or disp0GT.pfm (2014, 2021, v3), with view1.png, view5.png and "
    "disp1.png (2005, 2006), or with im2, im6 and disp2 as PNG, PPM or PGM (2003)"
)
_ETH3D = "two_view_training/<scene>/{im0,im1}.png and two_view_training_gt/<scene>/{disp0GT.pfm,mask0nocc.png}"
_CRESTEREO = "{tree,shapenet,reflective,hole}/.../<name>_{left,right}.jpg and <name>_{left,right}.disp.png"
_SPRING = "{train,test}/<scene>/frame_{left,right}/frame_{left,right}_0001.png and disp1_left/disp1_left_0001.dsp5"
_FOLDER = "<scene>/{left,right}.png, disp.png (16 bits, disparity * 256), .pfm or .npy, disp_right, mask_nocc.png"


def list_scene_flow(
    root: str | os.PathLike[str], split: str = "train", render_pass: str = "clean"
) -> list[StereoFiles]:
    """SceneFlow: FlyingThings3D, Monkaa and Driving, whichever are there (Mayer et al., CVPR 2016).

    Args:
        root: holds `frames_cleanpass` and `disparity`, or holds folders that do. The subset of FlyingThings3D
            (`train/image_clean`, ...) is read too.
        split: `train`, or `test`: the TEST part of FlyingThings3D (`val` of its subset); the others have none.
        render_pass: `clean` or `final`.

    Raises:
        UsageError: the folder is missing or holds nothing of it, or for another split or pass.
    """
    path = checked_root(root, _SCENE_FLOW)
    check_choice("split", split, _SPLITS)
    check_choice("render_pass", render_pass, ("clean", "final"))
    pairs: list[StereoFiles] = []
    for base in [path, *folders_in(path)]:
        for frames, disparity in scene_flow_trees(base, split, render_pass, "disparity"):
            for folder, _ in folders_below(frames):
                if os.path.basename(folder) == "left":
                    pairs += _scene_flow_pairs(folder, frames, disparity, path)
    return checked(pairs, path, f"{_SCENE_FLOW}; split {split!r}, {render_pass} pass")


def list_kitti2012(root: str | os.PathLike[str], split: str = "train") -> list[StereoFiles]:
    """KITTI 2012 (Geiger et al., CVPR 2012): color images if they are there, else the gray ones.

    `split` is `train` (the folder `training`) or `test` (`testing`, without ground truth); `visible` comes from
    `disp_noc`.

    Raises:
        UsageError: the folder is missing or holds nothing of it, or for another split.
    """
    return _kitti(
        root, split, (("colored_0", "colored_1"), ("image_0", "image_1")), ("disp_occ", "disp_noc"), _KITTI_2012
    )


def list_kitti2015(root: str | os.PathLike[str], split: str = "train") -> list[StereoFiles]:
    """KITTI 2015 (Menze & Geiger, CVPR 2015); otherwise as `list_kitti2012`."""
    return _kitti(root, split, (("image_2", "image_3"),), ("disp_occ_0", "disp_noc_0"), _KITTI_2015)


def list_middlebury(root: str | os.PathLike[str], scale: float | None = None) -> list[StereoFiles]:
    """Middlebury 2003, 2005, 2006, 2014, 2021 and v3, all scenes with ground truth at any depth below the folder.

    Args:
        root: of one year, of one size of it such as `trainingQ`, or of several. All sizes that are found are listed.
        scale: gray levels per pixel in the 8-bit maps of 2003 to 2006; by default by the map's height, see
            `vision.stereo_io.read_disparity`.

    Raises:
        UsageError: the folder is missing or holds nothing of it.
    """
    path = checked_root(root, _MIDDLEBURY)
    pairs: list[StereoFiles] = []
    for folder, names in folders_below(path):
        files = set(names)
        if "im0.png" in files and "im1.png" in files:
            pairs += _pfm_scene(folder, (folder,), path)
        else:
            pairs += _gray_scene(folder, path, scale)
    return checked(pairs, path, _MIDDLEBURY)


def list_eth3d(root: str | os.PathLike[str]) -> list[StereoFiles]:
    """ETH3D two-view (Schöps et al., CVPR 2017): the training scenes, with the truth beside them or in `..._gt`.

    Raises:
        UsageError: the folder is missing or holds nothing of it.
    """
    path = checked_root(root, _ETH3D)
    pairs: list[StereoFiles] = []
    for folder, names in folders_below(path):
        if "im0.png" in names and "im1.png" in names:
            parent, scene = os.path.split(folder)
            pairs += _pfm_scene(folder, (folder, os.path.join(f"{parent}_gt", scene)), path)
    return checked(pairs, path, _ETH3D)


def list_crestereo(root: str | os.PathLike[str]) -> list[StereoFiles]:
    """CREStereo's synthetic set (Li et al., CVPR 2022), the whole of it or one of its four parts.

    Raises:
        UsageError: the folder is missing or holds nothing of it.
    """
    path = checked_root(root, _CRESTEREO)
    pairs: list[StereoFiles] = []
    for folder, names in folders_below(path):
        known = set(names)
        for name in names:
            stem = name.removesuffix("_left.jpg")
            wanted = [f"{stem}_right.jpg", f"{stem}_left.disp.png"]
            if stem != name and known.issuperset(wanted):
                right, disparity = (os.path.join(folder, other) for other in wanted)
                other = f"{stem}_right.disp.png"
                pairs.append(
                    StereoFiles(
                        os.path.join(folder, name),
                        right,
                        _below(path, os.path.join(folder, stem)),
                        disparity,
                        os.path.join(folder, other) if other in known else "",
                        disparity_kind="crestereo",
                    )
                )
    return checked(pairs, path, _CRESTEREO)


def list_spring(root: str | os.PathLike[str], split: str = "train") -> list[StereoFiles]:
    """Spring (Mehl et al., CVPR 2023); the truth, if any, is in HDF5 files, which need h5py.

    Raises:
        UsageError: the folder is missing or holds nothing of it, or for another split.
    """
    path = checked_root(root, _SPRING)
    check_choice("split", split, _SPLITS)
    base = os.path.join(path, split) if os.path.isdir(os.path.join(path, split)) else path
    pairs: list[StereoFiles] = []
    for scene in folders_in(base):
        right = stems(os.path.join(scene, "frame_right"))
        disparity, other = (stems(os.path.join(scene, f"disp1_{s}"), frozenset({".dsp5"})) for s in ("left", "right"))
        for stem, left in stems(os.path.join(scene, "frame_left")).items():
            frame = stem.removeprefix("frame_left_")
            truth = disparity.get(f"disp1_left_{frame}", "")
            if f"frame_right_{frame}" in right and (truth or split == "test"):
                second = other.get(f"disp1_right_{frame}", "")
                name = os.path.basename(scene)
                pairs.append(StereoFiles(left, right[f"frame_right_{frame}"], name, truth, second))
    return checked(pairs, path, f"{_SPRING}; split {split!r}")


def list_folder(root: str | os.PathLike[str]) -> list[StereoFiles]:
    """One folder per scene: `left` and `right` images of any format, with or without ground truth.

    `disp` and `disp_right` are 16-bit PNG (disparity * 256, 0 unknown), PFM or npy; `mask_nocc` is 255 where a pixel is
    seen in both views. The folder may be one scene itself.

    Raises:
        UsageError: the folder is missing or holds nothing of it.
    """
    path = checked_root(root, _FOLDER)
    pairs: list[StereoFiles] = []
    for folder in [path, *folders_in(path)]:
        images, maps = stems(folder), stems(folder, _TRUTH)
        if "left" in images and "right" in images:
            files = StereoFiles(images["left"], images["right"], os.path.basename(folder), maps.get("disp", ""))
            pairs.append(files._replace(disparity_right=maps.get("disp_right", ""), visible=maps.get("mask_nocc", "")))
    return checked(pairs, path, _FOLDER)


def scene_flow_trees(base: str, split: str, render_pass: str, kind: str) -> Iterator[tuple[str, str]]:
    """Yield (folder of frames, folder of truth `kind`) of one of SceneFlow's sets, or of FlyingThings3D's subset."""
    for name in (f"frames_{render_pass}pass", f"frames_{render_pass}pass_webp"):
        frames, truth = os.path.join(base, name), os.path.join(base, kind)
        parts = [part for part in ("TRAIN", "TEST") if os.path.isdir(os.path.join(frames, part))]
        if split.upper() in parts:
            yield os.path.join(frames, split.upper()), os.path.join(truth, split.upper())
        elif not parts and split == "train":
            yield frames, truth
        if os.path.isdir(frames):
            return  # the same images in the other format would count twice
    part = os.path.join(base, "train" if split == "train" else "val")
    yield os.path.join(part, f"image_{render_pass}"), os.path.join(part, kind)


def folders_in(path: str) -> list[str]:
    """The folders in a folder, in order, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not among those allowed, with an UsageError."""
    if value not in allowed:
        raise UsageError(
            f"{name} is {value!r}; expected {' or '.join(map(repr, allowed))}", code="out-of-range", value=value
        )


def _scene_flow_pairs(left: str, frames: str, disparity: str, root: str) -> Iterator[StereoFiles]:
    parent = os.path.dirname(left)
    rights = stems(os.path.join(parent, "right"))
    folder = os.path.join(disparity, os.path.relpath(parent, frames))
    truths, others = (stems(os.path.join(folder, side), _PFM) for side in ("left", "right"))
    for stem, path in stems(left).items():
        if stem in rights and stem in truths:
            yield StereoFiles(path, rights[stem], _below(root, parent), truths[stem], others.get(stem, ""))


def _kitti(
    root: str | os.PathLike[str],
    split: str,
    views: tuple[tuple[str, str], ...],
    truth: tuple[str, str],
    expected: str,
) -> list[StereoFiles]:
    path = checked_root(root, expected)
    check_choice("split", split, _SPLITS)
    base = os.path.join(path, f"{split}ing")
    base = base if os.path.isdir(base) else path
    disparity, visible = (stems(os.path.join(base, name)) for name in truth)
    for names in views:
        left, right = (stems(os.path.join(base, name)) for name in names)
        pairs = [
            StereoFiles(
                left[frame],
                right[frame],
                frame,
                disparity.get(frame, ""),
                visible=visible.get(frame, ""),
                disparity_kind="kitti",
                visible_is="nonzero",
            )
            for frame in left
            if frame.endswith("_10") and frame in right and (frame in disparity or split == "test")
        ]
        if pairs:
            return pairs
    return checked([], path, f"{expected}; split {split!r}")


def _pfm_scene(folder: str, truth_folders: tuple[str, ...], root: str) -> Iterator[StereoFiles]:
    """A scene of Middlebury 2014 or later, or of ETH3D; nothing without ground truth."""
    for place in truth_folders:
        maps, masks = stems(place, _PFM), stems(place)
        truth = maps.get("disp0") or maps.get("disp0GT")
        if truth:
            other = maps.get("disp1") or maps.get("disp1GT") or ""
            views = (os.path.join(folder, "im0.png"), os.path.join(folder, "im1.png"))
            yield StereoFiles(
                *views, _below(root, folder), truth, other, masks.get("mask0nocc", ""), disparity_kind="pfm"
            )
            return


def _gray_scene(folder: str, root: str, scale: float | None) -> Iterator[StereoFiles]:
    """A scene of Middlebury 2003 to 2006: the left view is the lower number."""
    files = stems(folder)
    for kind, left, right, truths in (
        ("middlebury2005", "view1", "view5", ("disp1", "disp5")),
        ("middlebury2003", "im2", "im6", ("disp2", "disp6")),
    ):
        if left in files and right in files and truths[0] in files:
            maps = (files[truths[0]], files.get(truths[1], ""))
            yield StereoFiles(
                files[left], files[right], _below(root, folder), *maps, disparity_kind=kind, disparity_scale=scale
            )


def _below(root: str, path: str) -> str:
    """A scene's name: its path below the root, or the root's own name."""
    relative = os.path.relpath(path, root)
    return os.path.basename(root) if relative == os.curdir else relative.replace(os.sep, "/")
