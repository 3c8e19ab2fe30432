"""From pixels to space: calibration files, rectification, depth, point clouds. Each part is imported when asked for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
