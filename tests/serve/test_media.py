"""Which kind of answer `Accept` gets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.serve.conftest import png
from vision.serve.http.media import JSON, PFM, PNG, chosen
from vision.serve.http.problems import Problem


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("image/png", PNG),
        ("IMAGE/PNG ; q=0.5", PNG),
        ("image/*", PNG),
        ("image/x-portable-floatmap, image/png", PNG),
        ("image/x-portable-floatmap, image/png;q=0.9", PFM),
        ("application/json;q=0.1, image/x-portable-floatmap;q=0.2, */*;q=0", PFM),
        ("text/html, */*;q=0.1", JSON),
        ("*/*, application/json;q=0", PNG),
        ("image/png;q=nonsense", PNG),
        ("application/json;q=nan", JSON),
    ],
)
def test_the_kind_that_fits_best(accept: str | None, kind: str) -> None:
    assert chosen(accept, (JSON, PNG, PFM)) == kind


@pytest.mark.parametrize("accept", ["text/html", "image/png;q=0", "\xff", "*", "image"])
def test_nothing_fits(accept: str) -> None:
    with pytest.raises(Problem) as refused:
        chosen(accept, (JSON, PNG, PFM))
    assert refused.value.status_code == 406
    assert "expected one of application/json, image/png, image/x-portable-floatmap" in refused.value.detail


PAIR = {"left": ("l.png", png()), "right": ("r.png", png())}


def test_the_disparity_as_png_of_16_bits(client: TestClient) -> None:
    response = client.post("/v1/stereo", files=PAIR, headers={"accept": "image/png"})
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.size, image.mode) == ((40, 30), "I;16")
        assert set(np.asarray(image).ravel().tolist()) == {3 * 256}


def test_the_disparity_as_pfm(client: TestClient, tmp_path: Path) -> None:
    from vision.stereo_io import read_pfm

    response = client.post("/v1/stereo", files=PAIR, headers={"accept": "image/x-portable-floatmap"})
    assert (response.status_code, response.headers["content-type"]) == (200, "image/x-portable-floatmap")
    (tmp_path / "a.pfm").write_bytes(response.content)
    np.testing.assert_array_equal(read_pfm(tmp_path / "a.pfm"), np.full((30, 40), 3.0, np.float32))


def test_the_heat_map_over_the_image(client: TestClient) -> None:
    pixels = []
    for gray in (20, 240):  # the stub's probability
        response = client.post("/v1/forgery", files={"file": ("a.png", png(gray))}, headers={"accept": "image/png"})
        assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
        with Image.open(io.BytesIO(response.content)) as image:
            assert (image.size, image.mode) == ((40, 30), "RGB")
            pixels.append(np.asarray(image)[15, 20].tolist())
    real, generated = pixels
    assert real[2] > real[0] and generated[0] > generated[2]  # blue, red


@pytest.mark.parametrize("path", ["/v1/forgery", "/v1/stereo"])
def test_what_fits_nothing_is_refused_before_the_body_is_read(client: TestClient, path: str) -> None:
    response = client.post(path, files={"wrong": ("a.png", b"")}, headers={"accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (406, "application/problem+json")


def test_errors_are_problems_whatever_is_accepted(client: TestClient) -> None:
    response = client.post("/v1/forgery", files={"file": ("a.png", b"none")}, headers={"accept": "image/png"})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
