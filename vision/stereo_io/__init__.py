"""Files of stereo and flow data sets: disparity maps, flow fields and masks. Each part is imported when asked for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
