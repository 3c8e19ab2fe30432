"""Videos with boxes and tracks: what they are read from, and in which order training and testing see their frames."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
