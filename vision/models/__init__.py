"""Models: what joins a backbone and a head for a task. Each is imported when it is first asked for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
