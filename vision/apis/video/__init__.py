"""Detection and tracking in video: files, folders of frames, cameras, streams."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
