"""Registers what training and testing a forgery detector needs."""

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from backbones import DualFrequencyFoundationNet, DualFrequencyNet, DualFrequencyStatisticsNet
from heads import ForgeryBranchesHead, ForgeryHead
from vision.datasets import BalancedSourceSampler, ForgeryDataset
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register, register_as
from vision.metrics import ForgeryMetric
from vision.models import ForgeryTrainer

register(MODELS, DualFrequencyNet, DualFrequencyFoundationNet, DualFrequencyStatisticsNet)
register(MODELS, ForgeryHead, ForgeryBranchesHead, ForgeryTrainer)
register_as(MODELS, ForgeryTrainer, "ForgeryDetector")
register(DATASETS, ForgeryDataset)
register(DATA_SAMPLERS, BalancedSourceSampler)
register(METRICS, ForgeryMetric)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
