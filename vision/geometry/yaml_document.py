"""YAML as OpenCV, ROS, Kalibr and PyYAML write it, from a stream of events: nothing is constructed but plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from vision.geometry.calibration import CalibrationError
from vision.geometry.opencv_matrix import decode_base64

# OpenCV's own parser wants no space behind a colon, and files that people edit have none.
_TIGHT_COLON = re.compile(r"^([ \t]*[A-Za-z_][\w.-]*):(?=[\[\"\w.+-])", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_MAX_NUMBER = 64  # characters
_WORDS = {
    **dict.fromkeys(("", "~", "null"), None),
    **dict.fromkeys((".nan",), math.nan),
    **dict.fromkeys((".inf", "+.inf"), math.inf),
    "-.inf": -math.inf,
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
_PREFIX = "tag:yaml.org,2002:"
_MAPPINGS = (None, "!", *(_PREFIX + tag for tag in ("map", "opencv-matrix", "opencv-nd-matrix")))
_SEQUENCES = (None, "!", *(_PREFIX + tag for tag in ("seq", "python/tuple")))
_SCALARS = (None, "!", *(_PREFIX + tag for tag in ("str", "int", "float", "bool", "null", "binary")))


def parse_yaml(name: str, text: str, max_depth: int, max_nodes: int) -> Any:
    """The value of a text; several documents of it that are mappings become one.

    Raises:
        CalibrationError: its syntax is damaged (code "bad-calibration-syntax"), it is nested too deeply, has too many
            values, a name twice, or a tag that stands for something else than values.
    """
    is_opencv = text.lstrip().startswith("%YAML:") or "opencv-matrix" in text
    if text.lstrip().startswith("%YAML"):
        # OpenCV's directive is none of YAML's.
        text = text.lstrip().partition("\n")[2]
    if is_opencv:
        text = _TIGHT_COLON.sub(r"\1: ", text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(name, yaml.parse(text, Loader=loader), max_depth, max_nodes)
    try:
        return builder.documents()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (near line {mark.line + 1})"
        message = f"{name}: damaged YAML{where}; expected what cv2.FileStorage, ROS or PyYAML write"
        raise CalibrationError(message, code="bad-calibration-syntax") from None


class _Builder:
    """Makes values of events. What an alias stands for counts as often as it is named."""

    def __init__(self, name: str, events: Iterator[Any], max_depth: int, max_nodes: int) -> None:
        self.name, self.events = name, events
        self.max_depth, self.max_nodes = max_depth, max_nodes
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, int]] = {}

    def documents(self) -> Any:
        """All documents' mappings in one, or the value of the only document."""
        found: list[Any] = []
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                found.append(self.node(next(self.events), 0))
        merged: dict[str, Any] = {}
        for value in found if len(found) > 1 else []:
            for key, part in (value if isinstance(value, dict) else {}).items():
                self.add(merged, key, part)
        return merged if len(found) > 1 else found[0] if found else None

    def node(self, event: Any, depth: int) -> Any:
        if depth > self.max_depth:
            raise CalibrationError(f"{self.name}: is nested more than {self.max_depth} levels deep; expected matrices")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise CalibrationError(
                    f"{self.name}: *{event.anchor} refers to nothing; expected &{event.anchor} before"
                )
            value, weight = self.anchors[event.anchor]
            self.count(weight)
            return value
        before = self.nodes
        self.count(1)
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self.check_tag(event.tag, _SEQUENCES)
            value = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                value.append(self.node(inner, depth + 1))
        else:
            self.check_tag(event.tag, _MAPPINGS)
            value = self.mapping(depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before)
        return value

    def mapping(self, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise CalibrationError(f"{self.name}: a name is no text; expected names with values (K1: ...)")
            part = self.node(next(self.events), depth + 1)
            if key.value == "<<":
                merged += part if isinstance(part, list) else [part]
            else:
                self.add(value, key.value, part)
        for other in merged:
            if not isinstance(other, dict):
                raise CalibrationError(f"{self.name}: << takes in what is no mapping; expected names with values")
            value = {**other, **value}
        return value

    def scalar(self, event: Any) -> Any:
        self.check_tag(event.tag, _SCALARS)
        if event.tag == f"{_PREFIX}binary":
            return decode_base64(self.name, event.value)
        is_plain = event.style is None or event.style == ""
        if not is_plain or event.tag == f"{_PREFIX}str" or len(event.value) > _MAX_NUMBER:
            return event.value
        word = event.value.lower()
        if word in _WORDS:
            return _WORDS[word]
        return float(word) if _NUMBER.fullmatch(word) else event.value

    def add(self, mapping: dict[str, Any], key: str, value: Any) -> None:
        if key in mapping:
            raise CalibrationError(f"{self.name}: {key!r} is there twice; expected it once")
        mapping[key] = value

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self.max_nodes:
            raise CalibrationError(f"{self.name}: holds more than {self.max_nodes:,} values; expected a calibration")

    def check_tag(self, tag: str | None, known: tuple[str | None, ...]) -> None:
        if tag not in known:
            told = (tag or "").replace(_PREFIX, "!!")
            raise CalibrationError(f"{self.name}: holds a {told[:60]!r}, which is not read; expected plain values")
