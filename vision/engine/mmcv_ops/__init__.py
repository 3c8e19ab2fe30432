"""A stand-in for mmcv's compiled ops: what mmdet and mmseg call of them, from torchvision's or in plain PyTorch."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
