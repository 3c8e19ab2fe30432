"""Reads the texts that calibrations come in, YAML, XML and JSON, as plain trees of values; none can harm the reader.

Whoever wrote the file is a stranger: depth, number of values and size are bounded, time grows with the size alone, and
no parser runs that calls itself for every level.
"""

from __future__ import annotations

import json
from typing import Any

from vision.geometry.calibration import CalibrationError
from vision.geometry.mappings import as_mapping
from vision.geometry.opencv_matrix import BASE64_MARK, decode_base64
from vision.geometry.xml_document import parse_xml
from vision.geometry.yaml_document import parse_yaml

MAX_DEPTH = 16
# Calibrations hold a hundred values; with all the corners that they were made of, some ten thousand.
MAX_NODES = 100_000


def parse_document(name: str, text: str) -> dict[str, Any] | None:
    """A file's mapping: dicts, lists, arrays, numbers, text, None; a format is recognized by its beginning.

    Returns:
        None when the text is no mapping in any of the formats, and does not begin as if it were.

    Raises:
        CalibrationError: the text is damaged, nested deeply, or holds more than a calibration does.
    """
    start = text.lstrip()
    if start.startswith("<"):
        return _mapping(name, parse_xml(name, text, MAX_DEPTH, MAX_NODES))
    if start.startswith("{"):
        return _mapping(name, _parse_json(name, text))
    is_sure = start.startswith(("%YAML", "---")) or "opencv-matrix" in text
    try:
        tree = parse_yaml(name, text, MAX_DEPTH, MAX_NODES)
    except CalibrationError as error:
        if is_sure or error.code != "bad-calibration-syntax":
            raise
        return None
    if isinstance(tree, dict):
        return tree
    return _mapping(name, tree) if is_sure else None


def _mapping(name: str, tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise CalibrationError(f"{name}: holds a {type(tree).__name__}; expected names with values (K1: ...)")
    return tree


def _parse_json(name: str, text: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return as_mapping(name, [(key, _from_base64(name, value)) for key, value in items])

    try:
        tree = json.loads(text, object_pairs_hook=pairs, parse_int=float)
    except CalibrationError:
        raise
    except RecursionError:
        raise CalibrationError(f"{name}: is nested more than {MAX_DEPTH} levels deep; expected matrices") from None
    except ValueError as error:
        raise CalibrationError(f"{name}: damaged JSON ({error}); expected what cv2.FileStorage writes") from None
    if _depth(tree) > MAX_DEPTH:
        raise CalibrationError(f"{name}: is nested more than {MAX_DEPTH} levels deep; expected matrices")
    return tree


def _from_base64(name: str, value: Any) -> Any:
    if isinstance(value, str) and value.startswith(BASE64_MARK):
        return decode_base64(name, value[len(BASE64_MARK) :])
    return value


def _depth(tree: Any) -> int:
    """How deep containers nest, level by level."""
    depth, level = 0, [tree]
    while level and depth <= MAX_DEPTH:
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [part for value in containers for part in (value.values() if isinstance(value, dict) else value)]
        depth += bool(containers)
    return depth
