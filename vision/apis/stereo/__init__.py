"""Disparity and depth from two views, of single pairs and of video."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
