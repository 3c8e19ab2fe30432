"""Registers what this package brings to mmengine's root registries; configs import it (`custom_imports`)."""

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from vision import datasets
from vision.engine.optim import Bf16OptimWrapper
from vision.metrics import ForgeryMetric, StereoMetric, TopKAccuracy
from vision.models import ForgeryTrainer, StereoTrainer, TimmClassifier

OPTIM_WRAPPERS.register_module(module=Bf16OptimWrapper)
# The second names are those of earlier configs and checkpoints.
MODELS.register_module(name=["ForgeryTrainer", "ForgeryDetector"], module=ForgeryTrainer)
MODELS.register_module(name=["StereoTrainer", "StereoMatcher"], module=StereoTrainer)
MODELS.register_module(module=TimmClassifier)
for name in (
    "CREStereoDataset",
    "ETH3DDataset",
    "FlyingThingsFlowDataset",
    "ForgeryDataset",
    "KITTI2012Dataset",
    "KITTI2015Dataset",
    "KITTIFlowDataset",
    "MiddleburyDataset",
    "SceneFlowDataset",
    "SintelDataset",
    "SpringDataset",
    "StereoConcat",
    "StereoCSVDataset",
    "StereoFolderDataset",
    "SyntheticStereo",
    "TimmImageDataset",
):
    DATASETS.register_module(module=getattr(datasets, name))
DATA_SAMPLERS.register_module(module=datasets.BalancedSourceSampler)
for metric in (ForgeryMetric, StereoMetric, TopKAccuracy):
    METRICS.register_module(module=metric)
