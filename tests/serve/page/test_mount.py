"""The page in an application: what it keeps of users is gone when the application ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("gradio")

import gradio as gr
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vision.serve.page import mount_page
from vision.serve.services import Services
from vision.serve.settings import Settings


def test_files_are_removed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    app, settings = FastAPI(), Settings(only=("forgery", "video"), max_upload=1000)
    services = Services(settings)
    mount_page(app, settings, services)
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with TestClient(app) as client:
        page = client.get("/").text
        assert "Forgery" in page and "Stereo" not in page and '"analytics_enabled":false' in page.replace(" ", "")
        sent = client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 10)})
        assert sent.status_code == 200 and Path(sent.json()[0]).is_relative_to(folder)
        assert client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 2000)}).status_code == 413
    assert not folder.exists()
    services.close(5)


def test_script_is_corrected() -> None:
    """What Gradio's script would write to the console is out of it; the rest is as it was."""
    app, settings = FastAPI(), Settings(only=("attention",))
    services = Services(settings)
    mount_page(app, settings, services)
    assets = Path(gr.__file__).parent / "templates/frontend/assets"
    (path,) = (file for file in assets.glob("index-*.js") if "Method not implemented" in file.read_text("utf-8"))
    before = path.read_text("utf-8")
    with TestClient(app) as client:
        answer = client.get(f"/assets/{path.name}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert before.count("close:()=>{console.warn(") == 1 and "close:()=>{console.warn(" not in answer.text
    assert "onerror=async function(t){if(t?.name===`AbortError`)return;console.error(t)" in answer.text
    assert 0 < len(answer.text) - len(before) + len("console.warn(`Method not implemented.`)") < 100
    services.close(5)


def test_progress_of_nothing() -> None:
    """Gradio's script asks for it after an upload that was refused, and reports anything but a stream as an error."""
    app, settings = FastAPI(), Settings(only=("attention",))
    services = Services(settings)
    mount_page(app, settings, services)
    with TestClient(app) as client:
        answer = client.get("/gradio_api/upload_progress", params={"upload_id": "none"})
        assert client.get("/gradio_api/nothing").status_code == 404
    assert (answer.status_code, answer.text) == (200, 'data: {"msg": "done"}\n\n')
    assert answer.headers["content-type"].startswith("text/event-stream")
    services.close(5)
