"""Registers what training and testing a detector in video needs."""

from mmengine.registry import METRICS

from vision.engine.registries.register import register
from vision.metrics import VIDMetric

register(METRICS, VIDMetric)
