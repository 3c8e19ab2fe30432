"""Registers what training and testing a video detector needs."""

from mmengine.registry import DATASETS, MODELS, OPTIM_WRAPPERS

from vision.datasets.video.clips import VideoClips
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register
from vision.models.video.network import VideoNetwork
from vision.models.video.trainer import VideoTrainer

register(MODELS, VideoNetwork, VideoTrainer)
register(DATASETS, VideoClips)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
