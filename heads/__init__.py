"""Heads of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
