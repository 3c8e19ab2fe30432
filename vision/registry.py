"""Registers what this package brings to mmengine's root registries; configs import it (`custom_imports`)."""

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from vision.datasets import BalancedSourceSampler, ForgeryDataset
from vision.metrics import ForgeryMetric
from vision.models import ForgeryDetector
from vision.optim import Bf16OptimWrapper

OPTIM_WRAPPERS.register_module(module=Bf16OptimWrapper)
MODELS.register_module(module=ForgeryDetector)
DATASETS.register_module(module=ForgeryDataset)
DATA_SAMPLERS.register_module(module=BalancedSourceSampler)
METRICS.register_module(module=ForgeryMetric)
