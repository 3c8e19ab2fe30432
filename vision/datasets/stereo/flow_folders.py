"""Listing pairs of frames with optical flow, for training flow models: the first frame stands as the left view."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from vision.datasets.stereo.disparity_folders import check_choice, folders_in, scene_flow_trees
from vision.datasets.stereo.files import StereoFiles, checked, checked_root, folders_below, stems

_FLO, _PFM = frozenset({".flo"}), frozenset({".pfm"})
_KITTI = "training/{image_2, colored_0 or image_0}/<frame>_{10,11}.png with flow_occ and flow_noc"
_SINTEL = "training/{clean,final}/<scene>/frame_0001.png with training/flow/<scene>/frame_0001.flo"
_THINGS = (
    "frames_{clean,final}pass[_webp]/[TRAIN|TEST/]<scene>/left/<frame>.png with "
    "optical_flow/[TRAIN|TEST/]<scene>/into_future/left/OpticalFlowIntoFuture_<frame>_L.pfm"
)


def list_kitti_flow(root: str | os.PathLike[str]) -> list[StereoFiles]:
    """KITTI 2012 or 2015, training frames 10 and 11 with `flow_occ`; `visible` comes from `flow_noc`.

    Raises:
        UsageError: the folder is missing or holds nothing of it.
    """
    path = checked_root(root, _KITTI)
    base = os.path.join(path, "training")
    base = base if os.path.isdir(base) else path
    flow, visible = stems(os.path.join(base, "flow_occ")), stems(os.path.join(base, "flow_noc"))
    for name in ("image_2", "colored_0", "image_0"):
        frames = stems(os.path.join(base, name))
        pairs = [
            StereoFiles(
                frames[first],
                frames[f"{first[:-3]}_11"],
                first,
                visible=visible.get(first, ""),
                flow=flow[first],
                visible_is="nonzero",
            )
            for first in frames
            if first.endswith("_10") and f"{first[:-3]}_11" in frames and first in flow
        ]
        if pairs:
            return pairs
    return checked([], path, _KITTI)


def list_sintel(root: str | os.PathLike[str], render_pass: str = "final") -> list[StereoFiles]:
    """MPI Sintel (Butler et al., ECCV 2012), the training scenes; `visible` comes from `occlusions` if it is there.

    Raises:
        UsageError: the folder is missing or holds nothing of it, or for another pass.
    """
    path = checked_root(root, _SINTEL)
    check_choice("render_pass", render_pass, ("clean", "final", "albedo"))
    base = os.path.join(path, "training")
    base = base if os.path.isdir(base) else path
    pairs: list[StereoFiles] = []
    for folder, _ in folders_below(os.path.join(base, render_pass)):
        scene = os.path.basename(folder)
        frames = stems(folder)
        flow = stems(os.path.join(base, "flow", scene), _FLO)
        occluded = stems(os.path.join(base, "occlusions", scene))
        for first, second in _successive(frames):
            if first in flow:
                files = StereoFiles(frames[first], frames[second], scene, flow=flow[first], visible_is="black")
                pairs.append(files._replace(visible=occluded.get(first, "")))
    return checked(pairs, path, f"{_SINTEL}; {render_pass} pass")


def list_flying_things_flow(
    root: str | os.PathLike[str], split: str = "train", render_pass: str = "clean"
) -> list[StereoFiles]:
    """FlyingThings3D (and Monkaa and Driving, which are made alike): the left camera's frames, flow into the future.

    Args:
        root: holds `frames_cleanpass` and `optical_flow`, or holds folders that do.
        split: `train` or `test`.
        render_pass: `clean` or `final`.

    Raises:
        UsageError: the folder is missing or holds nothing of it, or for another split or pass.
    """
    path = checked_root(root, _THINGS)
    check_choice("split", split, ("train", "test"))
    check_choice("render_pass", render_pass, ("clean", "final"))
    pairs: list[StereoFiles] = []
    for base in [path, *folders_in(path)]:
        for frames, flow in scene_flow_trees(base, split, render_pass, "optical_flow"):
            for folder, _ in folders_below(frames):
                if os.path.basename(folder) == "left":
                    pairs += _things_pairs(folder, frames, flow, path)
    return checked(pairs, path, f"{_THINGS}; split {split!r}, {render_pass} pass")


def _things_pairs(left: str, frames: str, flow: str, root: str) -> Iterator[StereoFiles]:
    parent = os.path.dirname(left)
    images = stems(left)
    fields = stems(os.path.join(flow, os.path.relpath(parent, frames), "into_future", "left"), _PFM)
    scene = os.path.relpath(parent, root).replace(os.sep, "/")
    for first, second in _successive(images):
        name = f"OpticalFlowIntoFuture_{first}_L"
        if name in fields:
            yield StereoFiles(images[first], images[second], scene, flow=fields[name])


def _successive(frames: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Names of the frames whose number is followed by the next one: a gap in the numbers is no pair."""
    for first in frames:
        match = re.fullmatch(r"(.*?)(\d+)", first)
        if match:
            second = f"{match[1]}{int(match[2]) + 1:0{len(match[2])}d}"
            if second in frames:
                yield first, second
