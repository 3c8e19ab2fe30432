"""Reading image files of any common kind into one form: uint8 RGB, upright, never resized."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
