"""Gradio, told to tell nobody, and inputs that leave reading files to `vision.images`."""

from __future__ import annotations

import os
from typing import Any

# Read when Gradio is imported: no telemetry and no question for a newer version.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr  # after what it reads

__all__ = ["given", "gr"]


def given(component: Any) -> Any:
    """An image or a video that a user gives, as the path of a file that nothing has opened or converted yet.

    No class of its own: Gradio writes a stub beside each that derives from its components.
    """
    component.preprocess = lambda payload: None if payload is None else payload.path
    return component
