"""Reads `a, b: text` in a list of arguments as one entry for each of them: griffe knows single names only."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

SEVERAL = re.compile(r"^( +)(\w+(?:, \w+)+):(?= )(.*(?:\n\1 +\S.*)*)$", re.MULTILINE)
ARGUMENTS = re.compile(r"^(?:Args|Attributes):\n(?:(?: +.*)?(?:\n|\Z))+", re.MULTILINE)


class SharedDescriptions(Extension):
    """Gives each argument its own copy of the text that it shares with others."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Called by griffe for every module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = ARGUMENTS.sub(lambda part: SEVERAL.sub(_one_each, part[0]), obj.docstring.value)


def _one_each(entry: re.Match[str]) -> str:
    indent, names, text = entry.groups()
    return "\n".join(f"{indent}{name}:{text}" for name in names.split(", "))
