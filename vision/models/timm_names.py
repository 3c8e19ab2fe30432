"""timm's models by name, ours among them: from a name that may be mistyped to a model for images of some size."""

from __future__ import annotations

import difflib
from typing import Any

from torch import nn

import backbones  # noqa: F401  (its import registers our models with timm, whenever timm is imported)
from vision.errors import UsageError


def check_timm_name(name: str) -> None:
    """Refuse a name that timm does not know.

    Raises:
        UsageError: with the names that are most like it.
    """
    import timm

    if ":" not in name and timm.is_model(name):  # with a colon timm would ask a model hub
        return
    close = difflib.get_close_matches(name, timm.list_models(), n=3)
    advice = f"did you mean {' or '.join(close)}?" if close else "timm.list_models() has them all"
    raise UsageError(f"timm has no model {name!r}; {advice}", code="unknown-model", value=name)


def timm_image_size(name: str) -> tuple[int, int]:
    """Height and width of the images that a model was made for."""
    import timm

    check_timm_name(name)
    config = timm.get_pretrained_cfg(name)
    _, height, width = config.input_size if config is not None else (3, 224, 224)
    return height, width


def build_timm_model(name: str, image_size: tuple[int, int] | None = None, **arguments: Any) -> nn.Module:
    """A timm model with random weights, in eval mode.

    Args:
        name: of the entry point.
        image_size: height and width in pixels; None for the model's own. Models of one fixed size are made for it.
        arguments: of `timm.create_model`.

    Raises:
        UsageError: there is no such model.
    """
    import timm

    own_size = timm_image_size(name)
    if image_size is None or image_size == own_size:
        return timm.create_model(name, **arguments).eval()
    try:
        return timm.create_model(name, img_size=image_size, **arguments).eval()
    except TypeError:  # takes images of any size
        return timm.create_model(name, **arguments).eval()
