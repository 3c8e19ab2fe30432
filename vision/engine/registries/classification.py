"""Registers what training and testing an image classifier needs; its networks are timm's, ours among them."""

from mmengine.registry import DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from vision.datasets import TimmImageDataset
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register
from vision.metrics import TopKAccuracy
from vision.models import TimmClassifier

register(MODELS, TimmClassifier)
register(DATASETS, TimmImageDataset)
register(METRICS, TopKAccuracy)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
