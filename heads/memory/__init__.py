"""Memory of a stream of frames: attention to what was kept of the frames before (MAMBA, arXiv 2401.09923)."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
