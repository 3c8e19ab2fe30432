"""Registers everything of this package in mmengine's root registries, for configs that name no task's registry."""

from vision.engine.registries import classification, dense, forgery, stereo, video

__all__ = ["classification", "dense", "forgery", "stereo", "video"]
