"""What files may say of a video network, each within its range: a stranger's must not ask for more than one needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vision.errors import CheckpointError
from vision.models.hub import check_keys

# Of inference.
_SETTINGS: dict[str, tuple[Any, Any]] = {"max_size": (32, 8192), "nms": (0.0, 1.0), "write_threshold": (0.0, 1.0)}
_MOST_CLASSES = 1000
_LONGEST_NAME = 200
_MOST_CHANNELS = 4096
_MOST_DEPTH = 64
_MOST_STAGES = 8
_MOST_PIXELS = 1_000_000
_KNOWN = ("classes", "channels", "widths", "depths", "memory", "settings", "variant")


def checked_classes(classes: Any, owner: str) -> tuple[str, ...]:
    """Names of classes, in the order of their labels.

    Raises:
        CheckpointError: they are no list of 1 to 1000 different names of up to 200 characters.
    """
    found = tuple(classes) if isinstance(classes, list | tuple) else ()
    are_names = all(isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME for name in found)
    if not 0 < len(found) <= _MOST_CLASSES or not are_names or len(set(found)) < len(found):
        raise CheckpointError(
            f"{owner} has the classes {str(classes)[:200]}; expected a list of 1 to {_MOST_CLASSES} different names",
            value=classes,
        )
    return found


def checked_settings(settings: Any, owner: str) -> dict[str, Any]:
    """Settings of inference.

    Raises:
        CheckpointError: one is unknown or out of its range.
    """
    if not isinstance(settings, dict) or not set(settings) <= set(_SETTINGS):
        raise CheckpointError(f"{owner} has settings {settings!r}; expected some of {', '.join(_SETTINGS)}")
    for name, value in settings.items():
        low, high = _SETTINGS[name]
        if isinstance(value, bool) or not isinstance(value, type(low)) or not low <= value <= high:
            raise CheckpointError(f"{owner} has {name} = {value!r}; expected a number from {low} to {high}")
    return settings


def checked_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `VideoNetwork`, from JSON.

    Raises:
        CheckpointError: one is unknown or out of its range.
    """
    owner = "VideoNetwork"
    check_keys(config, _KNOWN, owner)
    for name, check, expected in _RANGES:
        if name in config and not check(config[name]):
            raise CheckpointError(f"{owner} has {name} = {str(config[name])[:200]}; expected {expected}")
    arguments = dict(config)
    if "classes" in config:
        arguments["classes"] = checked_classes(config["classes"], owner)
    if config.get("settings") is not None:
        checked_settings(config["settings"], owner)
    if len(arguments.get("widths", "1234")) != len(arguments.get("depths", "1234")):
        raise CheckpointError(f"{owner} has other numbers of widths and of depths; expected one of each per stage")
    return arguments


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _are_whole(values: Any, most: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and 4 <= len(values) <= _MOST_STAGES
        and all(_is_whole(value, most) for value in values)
    )


def _is_memory(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not set(value) <= {"num_heads", "pixels_per_box", "bank"}:
        return False
    bank = value.get("bank", {})
    numbers = [value.get("num_heads", 1), value.get("pixels_per_box", 1)]
    if not isinstance(bank, dict) or not set(bank) <= {"max_length", "key_length"}:
        return False
    return all(_is_whole(number, _MOST_PIXELS) for number in (*numbers, *bank.values()))


_RANGES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("channels", lambda value: _is_whole(value, _MOST_CHANNELS), f"a whole number from 1 to {_MOST_CHANNELS}"),
    ("widths", lambda value: _are_whole(value, _MOST_CHANNELS), f"4 or more numbers from 1 to {_MOST_CHANNELS}"),
    ("depths", lambda value: _are_whole(value, _MOST_DEPTH), f"4 or more numbers from 1 to {_MOST_DEPTH}"),
    ("memory", _is_memory, f"num_heads, pixels_per_box and bank, numbers from 1 to {_MOST_PIXELS}, or null"),
    ("variant", lambda value: value is None or (isinstance(value, str) and len(value) < 200), "a name or null"),
)
