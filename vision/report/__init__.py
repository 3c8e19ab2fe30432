"""Reports to read in a browser and to print. Each name is imported when it is first asked for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
