"""What the API answers, in process."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.serve.conftest import ADDRESS, TOKEN, StubServices, clip, png

Served = Callable[..., tuple[TestClient, StubServices]]


def problem(response: Any, status: int, code: str | None = None) -> str:
    """The sentence of a problem, which has to be a whole one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == "about:blank" and body["status"] == status and body["title"] and body["detail"]
    assert body.get("code") == code
    return str(body["detail"])


def test_an_image_is_judged_and_shown_by_the_name_that_its_user_gave(served: Served) -> None:
    from vision.structures.forgery import result_fields

    client, services = served()
    response = client.post("/v1/forgery", files={"file": ("../../me/cat.PNG", png(51))})
    assert response.status_code == 200
    record = response.json()
    assert list(record) == result_fields()
    assert (record["path"], record["probability"], record["error"]) == ("cat.PNG", 0.2, None)
    assert record["notes"] == ["read from cat.PNG"]
    [path] = services.seen
    assert path.endswith("/file.png") and not Path(path).parent.exists()


def test_a_pair_gives_the_fields_of_the_command(client: TestClient) -> None:
    from vision.cli.stereo.pairs import PAIRS

    files = {"left": ("l.png", png()), "right": ("r.png", png())}
    record = client.post("/v1/stereo", files=files).json()
    assert list(record) == list(PAIRS.fields)
    assert (record["left"], record["right"], record["files"]) == ("l.png", "r.png", [])
    assert record["disparity_median"] == 3.0


@pytest.mark.parametrize(
    ("files", "status", "code", "words"),
    [
        ({"file": ("a.png", b"")}, 422, "unreadable-file", "empty"),
        ({"file": ("a.png", b"no image at all")}, 422, "not-an-image", "image"),
        ({"file": ("a.png", png(7, (200, 200))[:-300])}, 422, "damaged-image", "truncated"),
        ({"file": ("big.png", png(7, (300, 300)))}, 413, "too-many-pixels", "90,000"),
        ({"other": ("a.png", png())}, 422, "usage", "expected file"),
        ({}, 415, None, "multipart/form-data"),
    ],
)
def test_files_that_cannot_be_used(
    served: Served, files: dict[str, Any], status: int, code: str | None, words: str
) -> None:
    client, _ = served(max_pixels=50_000)
    response = client.post("/v1/forgery", files=files) if files else client.post("/v1/forgery", data={"file": "text"})
    assert words in problem(response, status, code)


def test_two_files_of_one_name_are_refused(client: TestClient) -> None:
    files = [("file", ("a.png", png())), ("file", ("b.png", png()))]
    assert "given twice" in problem(client.post("/v1/forgery", files=files), 422, "usage")


def multipart(*parts: tuple[str, bytes], end: str = "--B--\r\n") -> bytes:
    body = b""
    for headers, content in parts:
        body += f"--B\r\n{headers}\r\n\r\n".encode() + content + b"\r\n"
    return body + end.encode()


FILE = 'Content-Disposition: form-data; name="file"; filename="a.png"'
FORM = {"content-type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (multipart((FILE, png()), end=""), "multipart/form-data; boundary=B", "ends before its last boundary"),
        (b"rubbish", "multipart/form-data; boundary=B", "no multipart form"),
        (multipart((FILE, png())), "multipart/form-data", "boundary"),
        (multipart((FILE, png())), f"multipart/form-data; boundary={'B' * 5000}", "no multipart form"),
        (multipart(("Content-Disposition: form-data", b"x")), FORM["content-type"], "no multipart form"),
        (multipart((FILE + "\r\nX: " + "x" * 9000, b"x")), FORM["content-type"], "no multipart form"),
        (multipart(*[(FILE, b"x")] * 50), FORM["content-type"], "Too many files"),
        (multipart(('Content-Disposition: form-data; name="a"', b"x" * 20_000)), FORM["content-type"], "16KB"),
    ],
)
def test_bodies_that_are_no_forms(client: TestClient, body: bytes, content_type: str, words: str) -> None:
    response = client.post("/v1/forgery", content=body, headers={"content-type": content_type})
    assert words in problem(response, 400)


@pytest.mark.parametrize("charset", ["undefined", "punycode", "zlib"])
def test_a_form_in_a_codec_that_is_none_for_text_is_refused(client: TestClient, charset: str) -> None:
    headers = {"content-type": f"multipart/form-data; boundary=B; charset={charset}"}
    response = client.post("/v1/forgery", content=multipart((FILE, png())), headers=headers)
    assert f"'{charset}'; expected utf-8" in problem(response, 415)
    headers = {"content-type": "multipart/form-data; boundary=B; charset=UTF-8"}
    assert client.post("/v1/forgery", content=multipart((FILE, png())), headers=headers).status_code == 200


def test_a_body_with_two_lengths_is_refused(client: TestClient) -> None:
    headers = {**FORM, "content-length": "5", "transfer-encoding": "chunked"}
    response = client.post("/v1/forgery", content=multipart((FILE, png())), headers=headers)
    assert "both Content-Length and Transfer-Encoding" in problem(response, 400)


def test_what_a_page_fails_at_is_answered() -> None:
    from fastapi import FastAPI
    from python_multipart.multipart import MultipartParser

    from vision.serve.http.app import answer_for_page

    app, page = FastAPI(), FastAPI()

    @page.post("/json")
    async def read_json(value: dict[str, int]) -> None: ...

    @page.post("/form")
    async def read_form() -> None:
        MultipartParser(b"B" * 300)

    @page.post("/number")
    async def read_number() -> str:
        return {0: "the only one"}[-1]

    app.mount("/", page)
    answer_for_page(app)
    client = TestClient(app, base_url=ADDRESS)
    problem(client.post("/json", content=b"\xff", headers={"content-type": "text/plain"}), 422)
    assert "Boundary length" in problem(client.post("/form"), 400)
    problem(client.post("/number"), 422)


def test_of_a_page_only_what_a_browser_sends_to_is_open(served: Served) -> None:
    client, _ = served()
    for path in ("/gradio_api/run/x", "/gradio_api/call/x", "/gradio_api/vibe-edit", "/login", "/"):
        assert "/v1" in problem(client.post(path), 405)
    assert client.put("/gradio_api/upload").status_code == 405
    assert client.post("/gradio_api/queue/join").status_code == 404  # there is no page here


def test_uploads_are_bounded_by_what_they_say_and_by_what_they_send(served: Served) -> None:
    client, services = served(max_upload=100_000)
    body = multipart((FILE, b"x" * 300_000))
    assert "100,000 bytes" in problem(client.post("/v1/forgery", content=body, headers=FORM), 413)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield body[:100]
        for _ in range(1000):
            sent += 10_000
            yield b"x" * 10_000

    answer = client.post("/v1/forgery", content=endless(), headers={**FORM, "transfer-encoding": "chunked"})
    problem(answer, 413)
    assert not services.seen
    headers = {**FORM, "content-length": "99999999999999"}
    problem(client.post("/v1/forgery", content=iter([b""]), headers=headers), 413)


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    request = client.build_request("POST", "/v1/forgery", headers=FORM)
    del request.headers["content-length"]
    assert "Content-Length" in problem(client.send(request), 411)


def test_paths_and_methods(client: TestClient) -> None:
    problem(client.get("/v1/nothing"), 404)
    problem(client.get("/nothing"), 404)
    response = client.get("/v1/forgery")
    problem(response, 405)
    assert response.headers["allow"] == "POST"
    problem(client.request("TRACE", "/v1/models"), 405)


def test_tasks_that_are_not_offered_are_not_there(served: Served) -> None:
    client, _ = served(only=("stereo",))
    problem(client.post("/v1/forgery", files={"file": ("a.png", png())}), 404)
    assert set(client.get("/openapi.json").json()["paths"]) >= {"/v1/stereo", "/healthz"}


def test_state_and_models(served: Served) -> None:
    client, services = served()
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    services.is_ready = False
    problem(client.get("/readyz"), 503)
    models = client.get("/v1/models").json()
    by_name = {model["name"]: model for model in models}
    assert by_name["mamba_people_nano"]["weights"] == "mamba_people_nano.safetensors"
    assert by_name["dinat_mini"]["task"] == "classification"
    assert "/" not in "".join(str(model.get("weights")) + str(model.get("card")) for model in models)


def test_answers_are_not_kept_and_not_framed(client: TestClient) -> None:
    headers = client.get("/v1/models").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_a_failure_of_ours_says_nothing_of_its_reason(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client, services = served()

    def fail(images: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(services.queue, "_judge", fail)
    response = client.post("/v1/forgery", files={"file": ("a.png", png())})
    problem(response, 500)
    assert "secret" not in response.text


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(served: Served) -> None:
    client, services = served(queue=2)
    services.go.clear()
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.post("/v1/forgery", files={"file": ("a.png", png())})))
        for _ in range(3)
    ]
    threads[0].start()
    assert services.begun.wait(20)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(services.queue) == 2)
    response = client.post("/v1/forgery", files={"file": ("a.png", png())})
    problem(response, 429)
    assert 1 <= int(response.headers["retry-after"]) <= 60
    services.go.set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200] * 3


def test_a_request_that_takes_too_long_is_given_up(served: Served) -> None:
    client, services = served(timeout=0.3)
    services.go.clear()
    assert "0.3 s" in problem(client.post("/v1/forgery", files={"file": ("a.png", png())}), 503)


def test_the_token_is_asked_for(served: Served) -> None:
    client, _ = served(token=TOKEN)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": "Basic !"}):
        response = client.get("/v1/models", headers=headers)
        problem(response, 401)
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/v1/models", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/v1/models", auth=("anyone", TOKEN)).status_code == 200
    assert client.get("/healthz").status_code == 200
    response = client.get("/")
    problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Basic")
    problem(client.get("/metrics"), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_origins_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    problem(client.post("/v1/forgery", files={"file": ("a.png", png())}, headers=headers), 403)
    problem(client.delete("/v1/jobs/x", headers=headers), 403)


def test_the_own_page_is_not(client: TestClient) -> None:
    headers = {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}
    assert client.post("/v1/forgery", files={"file": ("a.png", png())}, headers=headers).status_code == 200


def test_names_that_were_made_to_point_here_are_refused(served: Served) -> None:
    client, _ = served()
    for host in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "["):
        problem(client.get("/v1/models", headers={"host": host}), 400)
    for host in ("localhost:7860", "127.0.0.1", "[::1]:7860"):
        assert client.get("/v1/models", headers={"host": host}).status_code == 200
    open_client, _ = served(host="0.0.0.0")
    assert open_client.get("/v1/models", headers={"host": "vision.example"}).status_code == 200


def test_a_line_is_written_per_request_without_what_users_wrote(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = served()
    caplog.set_level(logging.INFO, "vision.serve.access")
    client.post("/v1/forgery?secret=1", files={"file": ("secret.png", png())})
    client.get("/v1/jobs/secret")
    client.get("/secret")
    lines = [json.loads(record.message) for record in caplog.records if record.name == "vision.serve.access"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/v1/forgery", 200),
        ("GET", "/v1/jobs/{id}", 404),
        ("GET", "page", 404),
    ]
    assert set(lines[0]) == {"time", "method", "path", "status", "ms", "bytes"}
    assert lines[0]["bytes"] > 100 and lines[0]["ms"] > 0
    assert "secret" not in caplog.text


def test_figures(served: Served) -> None:
    client, _ = served()
    client.post("/v1/forgery", files={"file": ("a.png", png())})
    client.get("/v1/forgery")
    text = client.get("/metrics").text
    assert 'vision_requests_total{method="POST",route="/v1/forgery",status="200"} 1.0' in text
    assert 'vision_requests_total{method="GET",route="/v1/forgery",status="405"} 1.0' in text
    assert 'vision_request_seconds_count{route="/v1/forgery"} 2.0' in text
    assert "vision_queue_length 0.0" in text
    [memory] = [line for line in text.splitlines() if line.startswith("vision_resident_memory_bytes ")]
    assert float(memory.split()[1]) > 1e7


def job_of(client: TestClient, data: bytes, name: str = "clip.gif") -> dict[str, Any]:
    response = client.post("/v1/video", files={"file": (name, data)})
    assert response.status_code == 202, response.text
    record: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{record['id']}"
    assert record["result"] is None
    return record


def test_a_video_is_a_job(served: Served, tmp_path: Path) -> None:
    client, services = served()
    services.go.clear()
    job = job_of(client, clip(tmp_path / "clip.gif"))
    place = f"/v1/jobs/{job['id']}"
    wait_until(lambda: client.get(place).json()["state"] == "running")
    assert client.get(place).json()["result"] is None
    services.go.set()
    wait_until(lambda: client.get(place).json()["state"] == "done")
    record = client.get(place).json()
    assert record["progress"]["frames"] == 3 and record["position"] is None and record["error"] is None
    assert [frame["frame"] for frame in record["result"]] == [0, 1, 2]
    assert list(record["result"][0]) == [
        *("path", "frame", "time", "width", "height", "objects", "seconds", "warnings", "error"),
    ]
    assert client.delete(place).status_code == 204
    problem(client.get(place), 404)
    problem(client.delete(place), 404)


def test_a_job_that_is_given_up_ends_and_leaves_nothing(served: Served, tmp_path: Path) -> None:
    client, services = served()
    services.go.clear()
    first, second = (job_of(client, clip(tmp_path / "clip.gif")) for _ in range(2))
    wait_until(lambda: client.get(f"/v1/jobs/{first['id']}").json()["state"] == "running")
    assert client.get(f"/v1/jobs/{second['id']}").json()["position"] == 1
    assert [client.delete(f"/v1/jobs/{job['id']}").status_code for job in (second, first)] == [204, 204]
    services.go.set()
    root = services.uploads.folder().parent
    wait_until(lambda: len(list(root.iterdir())) == 1)


def test_results_of_jobs_are_kept_for_a_while_only(served: Served, tmp_path: Path) -> None:
    client, _ = served(keep_seconds=0.5)
    place = f"/v1/jobs/{job_of(client, clip(tmp_path / 'clip.gif'))['id']}"
    wait_until(lambda: client.get(place).status_code == 404)


def test_files_that_are_no_videos(client: TestClient) -> None:
    detail = problem(
        client.post("/v1/video", files={"file": ("my.mp4", b"#EXTM3U\nhttp://x/")}), 422, "unreadable-video"
    )
    assert "my.mp4" in detail and "/tmp" not in detail


def test_more_videos_than_may_wait_are_refused(served: Served, tmp_path: Path) -> None:
    client, services = served(queue=1)
    services.go.clear()
    data = clip(tmp_path / "clip.gif")
    first = job_of(client, data)
    wait_until(lambda: client.get(f"/v1/jobs/{first['id']}").json()["state"] == "running")
    job_of(client, data)
    response = client.post("/v1/video", files={"file": ("clip.gif", data)})
    problem(response, 429)
    assert int(response.headers["retry-after"]) >= 1


def test_images_do_not_wait_for_a_whole_video(served: Served, tmp_path: Path) -> None:
    client, services = served()
    services.frame_go.clear()
    job = job_of(client, clip(tmp_path / "clip.gif", 4))
    assert services.frame_begun.wait(20)
    sent = threading.Thread(target=client.post, args=("/v1/forgery",), kwargs={"files": {"file": ("a.png", png())}})
    sent.start()
    wait_until(lambda: len(services.queue) == 1)
    services.frame_go.set()
    sent.join(20)
    wait_until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["state"] == "done")
    assert [Path(name).name for name in services.seen] == ["frame 0", "file.png", "frame 1", "frame 2", "frame 3"]
