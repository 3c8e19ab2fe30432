"""Whether the packages of the extra `ray` are there; known before anything else is done."""

from __future__ import annotations

from importlib.util import find_spec

from vision.errors import UsageError


def check_packages() -> None:
    """Look for what batches need beside the default install.

    Raises:
        UsageError: a package is missing.
    """
    for name in ("ray", "pyarrow", "fsspec"):
        if find_spec(name) is None:
            raise UsageError(
                f"batches need the package {name}; pip install 'neighborhood-vision[ray]'",
                code="missing-package",
                value=name,
            )
