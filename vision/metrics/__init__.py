"""Metrics of the suite. Each is imported when it is first asked for; those for the Runner need mmengine."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
