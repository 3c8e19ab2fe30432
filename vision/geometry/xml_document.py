"""XML as OpenCV's FileStorage writes it, by expat, which keeps no stack of its own; no DTD, no entities."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from vision.geometry.calibration import CalibrationError
from vision.geometry.mappings import as_mapping
from vision.geometry.opencv_matrix import decode_base64

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,4})?")
_NOT_FINITE = {".nan": math.nan, "-.nan": math.nan, ".inf": math.inf, "-.inf": -math.inf}
_ITEM = "_"


def parse_xml(name: str, text: str, max_depth: int, max_nodes: int) -> Any:
    """The value of the root, `opencv_storage`.

    Raises:
        CalibrationError: the text is damaged, has a DTD, another root, is nested too deeply or has too many values.
    """
    target = _Target(name, max_depth, max_nodes)
    try:
        # In UTF-8 whatever the file says: it was decoded before.
        parser = XMLParser(target=target, encoding="utf-8", forbid_dtd=True)
        parser.feed(text.lstrip().encode())
        return parser.close()
    except DefusedXmlException:
        raise CalibrationError(f"{name}: XML with a DTD; expected what cv2.FileStorage writes") from None
    except ParseError as error:
        raise CalibrationError(f"{name}: damaged XML ({error}); expected what cv2.FileStorage writes") from None


class _Target:
    """Turns elements into values as they end."""

    def __init__(self, name: str, max_depth: int, max_nodes: int) -> None:
        self.name, self.max_depth, self.max_nodes = name, max_depth, max_nodes
        self.nodes = 0
        # Of every open element: its name, its attributes, its text so far, its parts.
        self.open: list[tuple[str, dict[str, str], list[str], list[tuple[str, Any]]]] = []
        self.root: Any = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self.open and tag != "opencv_storage":
            raise CalibrationError(f"{self.name}: its root is <{tag[:60]}>; expected OpenCV's, <opencv_storage>")
        if len(self.open) > self.max_depth:
            raise CalibrationError(f"{self.name}: is nested more than {self.max_depth} levels deep; expected matrices")
        self.count(1)
        self.open.append((tag, attributes, [], []))

    def data(self, text: str) -> None:
        self.open[-1][2].append(text)

    def end(self, _: str) -> None:
        tag, attributes, texts, parts = self.open.pop()
        value = self.value(attributes, "".join(texts), parts)
        if self.open:
            self.open[-1][3].append((tag, value))
        else:
            self.root = value

    def close(self) -> Any:
        return self.root

    def value(self, attributes: dict[str, str], text: str, parts: list[tuple[str, Any]]) -> Any:
        if attributes.get("type_id") == "binary":
            return decode_base64(self.name, text)
        if parts and all(tag == _ITEM for tag, _ in parts):
            return [value for _, value in parts]
        if parts:
            return as_mapping(self.name, parts)
        values = []
        for word in _WORD.finditer(text):
            self.count(1)
            values.append(_scalar(word))
        return values[0] if len(values) == 1 else values

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self.max_nodes:
            raise CalibrationError(f"{self.name}: holds more than {self.max_nodes:,} values; expected a calibration")


def _scalar(word: re.Match[str]) -> Any:
    if word[1] is not None:
        return word[1]
    text = word[2]
    if text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    return float(text) if _NUMBER.fullmatch(text) else text
