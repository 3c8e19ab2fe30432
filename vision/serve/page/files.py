"""Files that the page hands out: in a folder of this process, under names of ours, for a while."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from vision.serve.services import Services
from vision.serve.uploads import shown_name

_PREFIX = "vision-serve-page-"


def private_cache() -> str:
    """A folder for what Gradio keeps of users, which nobody else can read; it is removed at exit."""
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = folder
    return folder


def new_folder(services: Services) -> Path:
    """For the results of one request."""
    return services.uploads.folder()


def name_of(path: str | None, instead: str = "image") -> str:
    """What to call a file that a user gave, without the folder that it lies in here."""
    return shown_name(path, instead)
