"""The field's stereo and flow data sets by name; each says where its files are, `StereoDataset` does the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from vision.datasets.stereo.csv_list import list_csv
from vision.datasets.stereo.dataset import StereoDataset, StereoTransform
from vision.datasets.stereo.disparity_folders import (
    list_crestereo,
    list_eth3d,
    list_folder,
    list_kitti2012,
    list_kitti2015,
    list_middlebury,
    list_scene_flow,
    list_spring,
)
from vision.datasets.stereo.flow_folders import list_flying_things_flow, list_kitti_flow, list_sintel
from vision.images import MAX_PIXELS

Root = str | os.PathLike[str]
Transforms = Sequence[StereoTransform | dict[str, Any]] | None


class SceneFlowDataset(StereoDataset):
    """FlyingThings3D, Monkaa and Driving; arguments as in `list_scene_flow` and `StereoDataset`."""

    def __init__(
        self,
        data_root: Root,
        split: str = "train",
        render_pass: str = "clean",
        transforms: Transforms = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(list_scene_flow(data_root, split, render_pass), transforms, max_pixels)


class KITTI2012Dataset(StereoDataset):
    """KITTI 2012 stereo; arguments as in `list_kitti2012` and `StereoDataset`."""

    def __init__(
        self, data_root: Root, split: str = "train", transforms: Transforms = None, max_pixels: int = MAX_PIXELS
    ) -> None:
        super().__init__(list_kitti2012(data_root, split), transforms, max_pixels)


class KITTI2015Dataset(StereoDataset):
    """KITTI 2015 stereo; arguments as in `list_kitti2015` and `StereoDataset`."""

    def __init__(
        self, data_root: Root, split: str = "train", transforms: Transforms = None, max_pixels: int = MAX_PIXELS
    ) -> None:
        super().__init__(list_kitti2015(data_root, split), transforms, max_pixels)


class MiddleburyDataset(StereoDataset):
    """Middlebury 2003 to 2021 and v3; arguments as in `list_middlebury` and `StereoDataset`."""

    def __init__(
        self,
        data_root: Root,
        scale: float | None = None,
        transforms: Transforms = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(list_middlebury(data_root, scale), transforms, max_pixels)


class ETH3DDataset(StereoDataset):
    """ETH3D two-view; arguments as in `list_eth3d` and `StereoDataset`."""

    def __init__(self, data_root: Root, transforms: Transforms = None, max_pixels: int = MAX_PIXELS) -> None:
        super().__init__(list_eth3d(data_root), transforms, max_pixels)


class CREStereoDataset(StereoDataset):
    """CREStereo's synthetic set; arguments as in `list_crestereo` and `StereoDataset`."""

    def __init__(self, data_root: Root, transforms: Transforms = None, max_pixels: int = MAX_PIXELS) -> None:
        super().__init__(list_crestereo(data_root), transforms, max_pixels)


class SpringDataset(StereoDataset):
    """Spring; needs h5py for its ground truth. Arguments as in `list_spring` and `StereoDataset`."""

    def __init__(
        self, data_root: Root, split: str = "train", transforms: Transforms = None, max_pixels: int = MAX_PIXELS
    ) -> None:
        super().__init__(list_spring(data_root, split), transforms, max_pixels)


class StereoCSVDataset(StereoDataset):
    """Pairs listed in a CSV file, `data_root`; arguments as in `list_csv` and `StereoDataset`."""

    def __init__(
        self,
        data_root: Root,
        disparity_kind: str | None = None,
        disparity_scale: float | None = None,
        transforms: Transforms = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(list_csv(data_root, disparity_kind, disparity_scale), transforms, max_pixels)


class StereoFolderDataset(StereoDataset):
    """One folder per scene; arguments as in `list_folder` and `StereoDataset`."""

    def __init__(self, data_root: Root, transforms: Transforms = None, max_pixels: int = MAX_PIXELS) -> None:
        super().__init__(list_folder(data_root), transforms, max_pixels)


class KITTIFlowDataset(StereoDataset):
    """Optical flow of KITTI 2012 or 2015; arguments as in `list_kitti_flow` and `StereoDataset`."""

    def __init__(self, data_root: Root, transforms: Transforms = None, max_pixels: int = MAX_PIXELS) -> None:
        super().__init__(list_kitti_flow(data_root), transforms, max_pixels)


class SintelDataset(StereoDataset):
    """Optical flow of MPI Sintel; arguments as in `list_sintel` and `StereoDataset`."""

    def __init__(
        self,
        data_root: Root,
        render_pass: str = "final",
        transforms: Transforms = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(list_sintel(data_root, render_pass), transforms, max_pixels)


class FlyingThingsFlowDataset(StereoDataset):
    """Optical flow of FlyingThings3D; arguments as in `list_flying_things_flow` and `StereoDataset`."""

    def __init__(
        self,
        data_root: Root,
        split: str = "train",
        render_pass: str = "clean",
        transforms: Transforms = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__(list_flying_things_flow(data_root, split, render_pass), transforms, max_pixels)


# Those with disparity, by the names that `tools/evaluate_stereo.py --layout` knows, and those with flow.
DISPARITY_SETS: dict[str, type[StereoDataset]] = {
    "folder": StereoFolderDataset,
    "csv": StereoCSVDataset,
    "sceneflow": SceneFlowDataset,
    "kitti2012": KITTI2012Dataset,
    "kitti2015": KITTI2015Dataset,
    "middlebury": MiddleburyDataset,
    "eth3d": ETH3DDataset,
    "crestereo": CREStereoDataset,
    "spring": SpringDataset,
}
FLOW_SETS: tuple[type[StereoDataset], ...] = (KITTIFlowDataset, SintelDataset, FlyingThingsFlowDataset)
