"""Invisible watermarks that open generators write by default. Each part is imported when asked for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
