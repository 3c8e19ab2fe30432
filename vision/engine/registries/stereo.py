"""Registers what training and testing a stereo or flow matcher needs."""

from mmengine.registry import DATASETS, METRICS, MODELS, OPTIM_WRAPPERS

from backbones import ConvFormer
from heads import MatchDecoder
from vision.datasets import StereoConcat, SyntheticStereo
from vision.datasets.stereo.sets import DISPARITY_SETS, FLOW_SETS
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register, register_as
from vision.metrics import StereoMetric
from vision.models import StereoTrainer

register(MODELS, ConvFormer, MatchDecoder, StereoTrainer)
register_as(MODELS, StereoTrainer, "StereoMatcher")
register(DATASETS, *DISPARITY_SETS.values(), *FLOW_SETS, StereoConcat, SyntheticStereo)
register(METRICS, StereoMetric)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
