"""Annotations of one image in XML, as PASCAL VOC, ImageNet and labelImg write them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from vision.datasets.video.converters.coco_vid import Box
from vision.datasets.video.converters.conversion import read_bounded, unusable

_MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class XmlAnnotation:
    """What a file says.

    Attributes:
        size: height and width; None where it does not say.
        file_name: of the image, as it stands there; empty where it does not.
        boxes: objects with a box, corners as x, y, width, height.
    """

    size: tuple[int, int] | None
    file_name: str
    boxes: tuple[Box, ...]


def read_xml_annotation(path: str | os.PathLike[str], is_inclusive: bool) -> XmlAnnotation:
    """Read a file.

    Args:
        path: of the file.
        is_inclusive: corners are the numbers of the first and of the last pixel, counted from 1, as in PASCAL VOC;
            otherwise they are coordinates, as the published uses of ImageNet take them.

    Raises:
        UsageError: it cannot be read, is no such XML or has a DTD, or a box is none.
    """
    data = read_bounded(path, _MAX_BYTES)
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise unusable(path, "is XML with a DTD, which annotations do not need") from None
    except (ParseError, ValueError, LookupError) as error:  # the last two: of its encoding
        raise unusable(path, f"is no XML ({error})") from None
    if root.tag != "annotation":
        raise unusable(path, f"begins with <{root.tag[:60]}>; expected <annotation>")
    boxes = [_box(path, number, one, is_inclusive) for number, one in enumerate(root.findall("object"), 1)]
    return XmlAnnotation(_size(root), (root.findtext("filename") or "").strip(), tuple(boxes))


def _size(root: Element) -> tuple[int, int] | None:
    height, width = (_number(root.findtext(f"size/{name}")) for name in ("height", "width"))
    return (int(height), int(width)) if height >= 1 and width >= 1 else None


def _box(path: Any, number: int, element: Element, is_inclusive: bool) -> Box:
    name = (element.findtext("name") or "").strip()
    corners = [_number(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    if not name or not all(map(math.isfinite, corners)):
        raise unusable(path, f"object {number} has no name, or no bndbox of four numbers")
    x1, y1, x2, y2 = corners
    first = 1 if is_inclusive else 0
    track = element.findtext("trackid")
    return Box(
        name,
        (x1 - first, y1 - first, x2 - x1 + first, y2 - y1 + first),
        track.strip() if track else None,
        is_ignored=_is_set(element, "difficult"),
        occluded=_is_set(element, "occluded"),
        generated=_is_set(element, "generated"),
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _is_set(element: Element, name: str) -> bool:
    return (element.findtext(name) or "").strip() in ("1", "true", "True")
