"""Clips that are made on the fly: shapes or people before procedural backgrounds, with exact boxes and tracks."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
