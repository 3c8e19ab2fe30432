"""Character sets of EXIF and of comments. Writers do not keep to the standards, so bytes decide where they can."""

from __future__ import annotations

import codecs
import re
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 4096  # bytes that decide for a character set
_SHORT = 4  # bytes; nothing can be told from fewer
_BLANK = re.compile(r"\s+")


def one_line(text: str, limit: int) -> str:
    """A stranger's text as one line of at most `limit` letters, without control characters: a terminal would obey."""
    text = text[: 2 * limit]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    line = _BLANK.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def comment_text(value: bytes, order: str) -> str:
    """EXIF UserComment: eight bytes name the character set, the text follows.

    Args:
        value: of the tag.
        order: byte order of the file, "little" or "big", which UTF-16 without a mark should follow.
    """
    kind, text = value[:8].rstrip(b"\0 ").upper(), value[8:]
    if kind == b"UNICODE":
        return unicode_text(text, order)
    if kind == b"JIS":
        return _jis_text(text)
    return plain_text(text if kind in (b"ASCII", b"") else value)


def plain_text(data: bytes) -> str:
    """UTF-8, though the standards say ASCII; Latin-1 where it cannot be that; UTF-16 where a mark says so."""
    marked = _marked(data)
    if marked is not None:
        return marked
    stripped = data.rstrip(b"\0 ")
    try:
        return stripped.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > max(_SAMPLE, len(stripped) - 4):  # a bound may have cut the last letter in two
            return stripped[: error.start].decode("utf-8")
        return stripped.decode("latin-1")


def first_text(data: bytes) -> str:
    """EXIF's ASCII type: what comes first of the strings that NUL bytes end."""
    if _marked(data) is not None:
        return plain_text(data)
    return next((plain_text(part) for part in data.split(b"\0", 64) if part.strip()), "")


def unicode_text(data: bytes, order: str) -> str:
    """UTF-16 in the byte order of the file, as EXIF wants, in the other, or UTF-8, as EXIF 3.0 and generators write."""
    marked = _marked(data)
    if marked is not None:
        return marked
    stripped = data.rstrip(b"\0 ")
    if len(stripped) >= _SHORT and b"\0" not in stripped and _is_utf8(stripped[:_SAMPLE]):
        return stripped.decode("utf-8", "replace")
    own, other = ("utf-16-le", "utf-16-be") if order == "little" else ("utf-16-be", "utf-16-le")
    # The other byte order has to be clearly more like a text.
    encoding = other if 1.5 * _oddness(data, other) <= _oddness(data, own) else own
    return data[: len(data) // 2 * 2].decode(encoding, "replace").strip("\0\ufeff ")


def _marked(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").strip("\0 \ufffd")
    return None


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return False
    return True


def _oddness(data: bytes, encoding: str) -> int:
    """Text stays within few rows of 256 letters; read in the wrong byte order it is all over them, some unassigned."""
    text = data[: min(len(data) // 2 * 2, _SAMPLE)].decode(encoding, "replace").rstrip("\0\ufffd ")
    rows = {ord(letter) >> 8 for letter in text}
    odd = sum(letter == "\ufffd" or unicodedata.category(letter) in ("Cn", "Co", "Cs") for letter in text)
    return len(rows) + 3 * odd


def _jis_text(data: bytes) -> str:
    data = data.rstrip(b"\0 ")
    if b"\x1b" in data:
        return data.decode("iso2022_jp_2", "replace")
    if max(data, default=0) < 0x80:
        # JIS X 0208 without escapes: pairs of letters, of which kana and punctuation are in rows 0x21 to 0x25.
        pairs = len(data) % 2 == 0 and min(data, default=0) > 0x20
        rows = data[::2]
        if pairs and 4 * sum(0x21 <= row <= 0x25 for row in rows) >= len(rows) > 0:
            try:
                return bytes(byte | 0x80 for byte in data).decode("euc_jp")
            except UnicodeDecodeError:
                pass
        return data.decode("ascii")
    for encoding in ("utf-8", "cp932", "euc_jp"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
