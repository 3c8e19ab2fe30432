"""The one table of our transforms, by which configs name them; of single images and of stereo samples alike.

It is no part of mmengine's TRANSFORMS: mmcv has a RandomFlip, a RandomCrop and more there, which take other arguments,
and our names must work where mmengine is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type[Any])

_TRANSFORMS: dict[str, type[Any]] = {}


def register_transform(kind: Kind) -> Kind:
    """Class decorator: let configs name this class as `type`."""
    _TRANSFORMS[kind.__name__] = kind
    return kind


def build_transform(transform: Callable[..., Any] | dict[str, Any]) -> Callable[..., Any]:
    """Make a transform from a dict with its class, or the name of it, as `type`; callables pass through.

    Our names come first, then those of mmengine's TRANSFORMS registry, if mmengine is installed.

    Raises:
        TypeError: it is neither a callable nor such a dict.
        ValueError: the name is not ours, and there is no mmengine.
        KeyError: mmengine does not know the name either.
    """
    if callable(transform):
        return transform
    if not isinstance(transform, dict) or "type" not in transform:
        raise TypeError(f"cannot build a transform from {transform!r}; expected a callable or a dict with a `type`")
    arguments = dict(transform)
    kind = arguments.pop("type")
    kind = _TRANSFORMS.get(kind, kind) if isinstance(kind, str) else kind
    if callable(kind):
        return kind(**arguments)
    try:
        from mmengine.registry import TRANSFORMS
    except ImportError:
        raise ValueError(f"unknown transform {kind!r}; expected one of {transform_names()}") from None
    return TRANSFORMS.build(transform)


def transform_names() -> list[str]:
    """Names of our transforms: those whose modules were imported, as the data sets import theirs."""
    return sorted(_TRANSFORMS)
