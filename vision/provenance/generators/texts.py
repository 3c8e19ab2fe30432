"""The texts of one file, taken apart once: by keyword, as JSON, as plain words. All of it is a stranger's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from vision.provenance.claims import GeneratorClaim
from vision.provenance.fields import MANIFEST, NOTES, PNG_TEXT, SOURCE_TYPE
from vision.provenance.text import one_line

MAX_TEXT = 1 << 20
MAX_TEXTS = 4 << 20
MAX_PROMPT = 10_000
MAX_NAME = 200
MAX_PAIRS = 64
_MAX_DIGITS = 40  # Python refuses to turn thousands of digits into a number

# In lower case: Stable Diffusion web UIs, ComfyUI, InvokeAI (old and new), NovelAI, Fooocus, services' labels.
GENERATOR_KEYWORDS = frozenset(
    {
        *("parameters", "postprocessing", "extras", "prompt", "workflow", "dream", "sd-metadata", "generation_data"),
        *("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "fooocus_scheme", "aigc"),
        *("software", "comment", "description", "title", "source", "usercomment"),
        *("negative_prompt", "seed", "use_stable_diffusion_model", "negative prompt", "stable diffusion model"),
    }
)
_KEYWORD = re.compile(
    f"(?:^|; )({'|'.join(sorted(map(re.escape, GENERATOR_KEYWORDS), key=len, reverse=True))}): ?", re.IGNORECASE
)
# Whose texts are names, which any keyword ends; a prompt goes on until one that generators use.
_NAMES = ("software", "title", "source", "seed", "use_stable_diffusion_model", "stable diffusion model")
_OTHER_KEYWORD = re.compile(r"; [^;:]{1,79}: ")
_NO_TEXT = (SOURCE_TYPE, MANIFEST, NOTES, PNG_TEXT)
_OF_WORKFLOWS = re.compile(r"\s*(prompt|workflow)\s*:\s*(?=\{)", re.IGNORECASE)


class Texts:
    """Fields of `read_provenance`, each at most 1 MiB and 4 MiB in all.

    Attributes:
        fields: by the names of `PROVENANCE_FIELDS`.
    """

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self.fields: dict[str, str] = {}
        left = MAX_TEXTS
        for name, value in metadata.items():
            if isinstance(value, str):
                self.fields[name] = value[: min(MAX_TEXT, left)]
                left -= len(self.fields[name])

    def get(self, *names: str) -> str:
        """The first of these fields that is there, or nothing."""
        return next((self.fields[name] for name in names if self.fields.get(name)), "")

    @cached_property
    def keyed(self) -> dict[str, str]:
        """PNG texts by keyword in lower case, where a generator's keyword stands before it; the first of each."""
        text, position = self.fields.get(PNG_TEXT, ""), 0
        pairs: dict[str, str] = {}
        for _ in range(MAX_PAIRS):
            keyword = _KEYWORD.search(text, position)
            if keyword is None:
                break
            end = _json_end(text, keyword.end())
            if end is None:  # plain text, up to the next keyword
                following = _KEYWORD.search(text, keyword.end())
                end = len(text) if following is None else following.start()
                if keyword[1].lower() in _NAMES:
                    other = _OTHER_KEYWORD.search(text, keyword.end(), end)
                    end = end if other is None else other.start()
            pairs.setdefault(keyword[1].lower(), text[keyword.end() : end])
            position = end
        return pairs

    @cached_property
    def plain(self) -> list[str]:
        """Every text that could hold settings: PNG texts one by one, then fields of EXIF, XMP, IPTC and comments."""
        others = [value for name, value in self.fields.items() if name not in _NO_TEXT]
        return [*self.keyed.values(), *others] or [self.fields.get(PNG_TEXT, "")]

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """Every text that is a JSON object, wherever it stands; also what ComfyUI puts behind `prompt:`."""
        found = []
        for text in self.plain[: 2 * MAX_PAIRS]:
            behind = _OF_WORKFLOWS.match(text)
            value = parsed(text[behind.end() :] if behind else text)
            if isinstance(value, dict):
                found.append(value)
        return found


def parsed(text: Any) -> Any:
    """JSON at the beginning of a text; what follows it, as where values are joined, does not matter. None if none."""
    if not isinstance(text, str):
        return None
    start = text[:MAX_TEXT].lstrip()
    if not start.startswith(("{", "[")):
        return None
    try:
        return _DECODER.raw_decode(start)[0]
    except (ValueError, RecursionError):
        return None


def as_dict(value: Any) -> dict[str, Any]:
    """A JSON object, also where it is written as text; an empty one for all else."""
    value = parsed(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON array; an empty one for all else."""
    return value if isinstance(value, list) else []


def name_of(value: Any) -> str | None:
    """A name for people, bounded; None for what is none."""
    return one_line(value, MAX_NAME) or None if isinstance(value, str) else None


def seed_of(value: Any) -> str | None:
    """A seed as digits; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip() if isinstance(value, int | str) else ""
    return text if re.fullmatch(r"-?\d{1,40}", text, re.ASCII) else None


def claim_of(
    generator: str, evidence: str, model: Any = None, prompt: Any = None, seed: Any = None, edited: bool = False
) -> GeneratorClaim:
    """A claim of values of any kind: what is of the wrong one is left out."""
    text = one_line(prompt, MAX_PROMPT) if isinstance(prompt, str) else ""
    return GeneratorClaim(
        one_line(generator, MAX_NAME), name_of(model), bool(text), seed_of(seed), text or None, evidence, edited
    )


def strings(values: Any, limit: int = 100) -> Iterator[str]:
    """Texts among the values of a JSON object or array."""
    values = list(values.values()) if isinstance(values, dict) else as_list(values)
    yield from (value for value in values[:limit] if isinstance(value, str))


def _bounded_int(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits[:_MAX_DIGITS]


_DECODER = json.JSONDecoder(parse_int=_bounded_int, strict=False)


def _json_end(text: str, start: int) -> int | None:
    if not text.startswith(("{", "["), start):
        return None
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None
