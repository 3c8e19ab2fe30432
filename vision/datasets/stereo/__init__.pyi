from .augment import RandomStereoCrop, RandomStereoFlip, RandomStereoScale, RandomVerticalJitter
from .color import PerView, RandomErase, RandomSoften, RandomStereoColor
from .concat import StereoConcat
from .dataset import StereoDataset, StereoTransform, build_stereo_transform
from .files import StereoFiles
from .pack import PackStereo
from .sets import (
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
from .synthetic import SyntheticStereo

__all__ = [
    "CREStereoDataset",
    "ETH3DDataset",
    "FlyingThingsFlowDataset",
    "KITTI2012Dataset",
    "KITTI2015Dataset",
    "KITTIFlowDataset",
    "MiddleburyDataset",
    "PackStereo",
    "PerView",
    "RandomErase",
    "RandomSoften",
    "RandomStereoColor",
    "RandomStereoCrop",
    "RandomStereoFlip",
    "RandomStereoScale",
    "RandomVerticalJitter",
    "SceneFlowDataset",
    "SintelDataset",
    "SpringDataset",
    "StereoCSVDataset",
    "StereoConcat",
    "StereoDataset",
    "StereoFiles",
    "StereoFolderDataset",
    "StereoTransform",
    "SyntheticStereo",
    "build_stereo_transform",
]
