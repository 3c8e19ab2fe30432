"""Data sets, samplers and augmentations. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.datasets.augment import (
        CenterCrop,
        Compose,
        FixedCorruption,
        RandomApply,
        RandomBlur,
        RandomCrop,
        RandomFlip,
        RandomJPEG,
        RandomNoise,
        RandomResize,
        RandomWebP,
        SomeOf,
    )
    from vision.datasets.forgery import ForgeryDataset
    from vision.datasets.layouts import Sample, list_samples
    from vision.datasets.sampler import BalancedSourceSampler
    from vision.datasets.stereo import StereoDataset
    from vision.datasets.stereo_augment import (
        RandomStereoCrop,
        RandomStereoFlip,
        RandomStereoScale,
        RandomVerticalJitter,
    )
    from vision.datasets.stereo_color import PerView, RandomErase, RandomSoften, RandomStereoColor
    from vision.datasets.stereo_concat import StereoConcat
    from vision.datasets.stereo_files import StereoFiles
    from vision.datasets.stereo_pack import PackStereo
    from vision.datasets.stereo_sets import (
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
        StereoCSVDataset,
        StereoFolderDataset,
    )
    from vision.datasets.synthetic_stereo import SyntheticStereo
    from vision.datasets.timm_images import TimmImageDataset

_HOME = {
    "BalancedSourceSampler": "vision.datasets.sampler",
    "CREStereoDataset": "vision.datasets.stereo_sets",
    "CenterCrop": "vision.datasets.augment",
    "Compose": "vision.datasets.augment",
    "ETH3DDataset": "vision.datasets.stereo_sets",
    "FixedCorruption": "vision.datasets.augment",
    "FlyingThingsFlowDataset": "vision.datasets.stereo_sets",
    "ForgeryDataset": "vision.datasets.forgery",
    "KITTI2012Dataset": "vision.datasets.stereo_sets",
    "KITTI2015Dataset": "vision.datasets.stereo_sets",
    "KITTIFlowDataset": "vision.datasets.stereo_sets",
    "MiddleburyDataset": "vision.datasets.stereo_sets",
    "PackStereo": "vision.datasets.stereo_pack",
    "PerView": "vision.datasets.stereo_color",
    "RandomApply": "vision.datasets.augment",
    "RandomBlur": "vision.datasets.augment",
    "RandomCrop": "vision.datasets.augment",
    "RandomErase": "vision.datasets.stereo_color",
    "RandomFlip": "vision.datasets.augment",
    "RandomJPEG": "vision.datasets.augment",
    "RandomNoise": "vision.datasets.augment",
    "RandomResize": "vision.datasets.augment",
    "RandomSoften": "vision.datasets.stereo_color",
    "RandomStereoColor": "vision.datasets.stereo_color",
    "RandomStereoCrop": "vision.datasets.stereo_augment",
    "RandomStereoFlip": "vision.datasets.stereo_augment",
    "RandomStereoScale": "vision.datasets.stereo_augment",
    "RandomVerticalJitter": "vision.datasets.stereo_augment",
    "RandomWebP": "vision.datasets.augment",
    "Sample": "vision.datasets.layouts",
    "SceneFlowDataset": "vision.datasets.stereo_sets",
    "SintelDataset": "vision.datasets.stereo_sets",
    "SomeOf": "vision.datasets.augment",
    "SpringDataset": "vision.datasets.stereo_sets",
    "StereoCSVDataset": "vision.datasets.stereo_sets",
    "StereoDataset": "vision.datasets.stereo",
    "StereoFiles": "vision.datasets.stereo_files",
    "StereoConcat": "vision.datasets.stereo_concat",
    "StereoFolderDataset": "vision.datasets.stereo_sets",
    "SyntheticStereo": "vision.datasets.synthetic_stereo",
    "TimmImageDataset": "vision.datasets.timm_images",
    "list_samples": "vision.datasets.layouts",
}

__all__ = [
    "BalancedSourceSampler",
    "CREStereoDataset",
    "CenterCrop",
    "Compose",
    "ETH3DDataset",
    "FixedCorruption",
    "FlyingThingsFlowDataset",
    "ForgeryDataset",
    "KITTI2012Dataset",
    "KITTI2015Dataset",
    "KITTIFlowDataset",
    "MiddleburyDataset",
    "PackStereo",
    "PerView",
    "RandomApply",
    "RandomBlur",
    "RandomCrop",
    "RandomErase",
    "RandomFlip",
    "RandomJPEG",
    "RandomNoise",
    "RandomResize",
    "RandomSoften",
    "RandomStereoColor",
    "RandomStereoCrop",
    "RandomStereoFlip",
    "RandomStereoScale",
    "RandomVerticalJitter",
    "RandomWebP",
    "Sample",
    "SceneFlowDataset",
    "SintelDataset",
    "SomeOf",
    "SpringDataset",
    "StereoCSVDataset",
    "StereoConcat",
    "StereoDataset",
    "StereoFiles",
    "StereoFolderDataset",
    "SyntheticStereo",
    "TimmImageDataset",
    "list_samples",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
