"""The page in an application: what it keeps of users is gone when the application ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("gradio")

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
