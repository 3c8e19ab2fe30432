"""Backbones of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from types import ModuleType

import lazy_loader as lazy
import wrapt

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)


@wrapt.when_imported("timm.models")
def _register_models(_: ModuleType) -> None:
    """Add ours to timm's models: now if timm has been imported, else when someone does.

    timm takes longer to import than torch; who does not use it should not wait for it.
    """
    import backbones.neighborhood.timm_models  # noqa: F401
