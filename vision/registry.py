"""Registers what this package brings to mmengine's root registries; configs import it (`custom_imports`)."""

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from vision.datasets import BalancedSourceSampler, ForgeryDataset, TimmImageDataset
from vision.metrics import ForgeryMetric, TopKAccuracy
from vision.models import ForgeryDetector, TimmClassifier
from vision.optim import Bf16OptimWrapper

OPTIM_WRAPPERS.register_module(module=Bf16OptimWrapper)
for model in (ForgeryDetector, TimmClassifier):
    MODELS.register_module(module=model)
for dataset in (ForgeryDataset, TimmImageDataset):
    DATASETS.register_module(module=dataset)
DATA_SAMPLERS.register_module(module=BalancedSourceSampler)
for metric in (ForgeryMetric, TopKAccuracy):
    METRICS.register_module(module=metric)
