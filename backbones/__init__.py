"""Backbones of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

import lazy_loader as lazy

from vision.lazy import when_imported

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

# timm takes longer to import than torch; who does not use it should not wait for it.
when_imported("timm.models", "backbones.neighborhood.timm_models")
