"""The inferencer around a network that remembers: paused, offline, not a number, and for as long as it takes."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vision.apis import VideoInferencer
from vision.apis.video import VideoFrame
from vision.apis.video.order import FrameOrder
from vision.apis.video.state import read_state, write_state
from vision.errors import UsageError
from vision.structures.video import Detections, VideoResult

# As a program, so that another process builds the very same network.
NETWORK = """
import numpy as np, torch
from vision.apis import VideoInferencer
from vision.models.video import VideoNetwork

def inferencer(**options):
    torch.manual_seed(5)
    memory = {"num_heads": 2, "pixels_per_box": 8, "bank": {"max_length": 60, "key_length": 40}}
    network = VideoNetwork(("person", "dog"), 32, (8, 16, 24, 32), (1, 1, 1, 1), memory, {"max_size": 96})
    with torch.no_grad():
        network.memory.layer.fc.weight.normal_(0, 0.5)
    network.settings["write_threshold"] = 0.0
    return VideoInferencer(network=network, device="cpu", threshold=0.0, **options)

def frames(count):
    noise = np.random.default_rng(3)
    return [noise.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(count)]

def shown(results):
    return [(r.frame, r.error, r.boxes.tolist(), r.scores.tolist(), r.track_ids.tolist()) for r in results]
"""
_names: dict[str, Any] = {}
exec(NETWORK, _names)
inferencer: Callable[..., VideoInferencer] = _names["inferencer"]
frames: Callable[[int], list[np.ndarray]] = _names["frames"]
shown: Callable[[list[VideoResult]], list[Any]] = _names["shown"]


def test_another_process_goes_on_where_this_one_stopped(tmp_path: Path) -> None:
    whole = inferencer()(frames(8))
    first = inferencer()
    first(frames(5))
    write_state(tmp_path / "state.pt", first.state())
    code = NETWORK + (
        "import sys; from vision.apis.video.state import read_state\n"
        "video = inferencer(); video.load_state(read_state(sys.argv[1]))\n"
        "torch.save(shown(video(frames(8)[5:])), sys.argv[2])"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "state.pt"), str(tmp_path / "results.pt")]
    subprocess.run(arguments, check=True, timeout=120)
    assert torch.load(tmp_path / "results.pt", weights_only=True) == shown(whole[5:])
    # And it is the memory that makes the difference: without it, other results.
    anew = inferencer()
    anew.load_state({**first.state(), "memory": anew.state()["memory"]})
    assert shown(anew(frames(8)[5:])) != shown(whole[5:]) and len(whole[7]) > 0


def test_a_state_of_other_weights_or_another_memory_changes_nothing(tmp_path: Path) -> None:
    video = inferencer()
    video(frames(3))
    before = video.state()
    other = inferencer()
    with torch.no_grad():
        next(other.network.parameters()).add_(1)  # type: ignore[attr-defined]
    other(frames(1))
    bank = before["memory"]["pixel"]
    wrong = [
        other.state(),
        {**before, "memory": {}},
        {**before, "memory": None},
        {**before, "memory": {"pixel": {**bank, "max_length": 61}}},
        {**before, "memory": {"pixel": {**bank, "features": bank["features"] * float("nan")}}},
    ]
    for state in wrong:
        with pytest.raises(UsageError) as caught:
            video.load_state(state)
        assert caught.value.code == "bad-state"
    after = video.state()
    assert torch.equal(after["memory"]["pixel"].pop("features"), before["memory"]["pixel"].pop("features"))
    assert after["memory"] == before["memory"] and after["order"] == before["order"]
    (tmp_path / "state.pt").write_bytes(b"no state")
    for name in ("state.pt", "gone.pt"):
        with pytest.raises(UsageError) as caught:
            read_state(tmp_path / name)
        assert caught.value.code == "bad-state"


def test_offline_begins_with_the_whole_video() -> None:
    video = inferencer(mode="offline")
    with pytest.raises(UsageError) as caught:
        video.process(frames(1)[0])
    assert caught.value.code == "no-references"
    assert video.remember(frames(8)[::2]) == 4
    first = shown([video.process(frames(1)[0])])
    assert first[0][0] == 0 and first != shown(inferencer()(frames(1)))
    with pytest.raises(UsageError) as caught:
        video.remember(frames(1))
    assert caught.value.code == "conflicting-arguments"
    again = inferencer(mode="offline")
    again.remember(frames(8)[::2])
    assert shown(again(frames(1))) == first
    video.reset()
    with pytest.raises(UsageError) as caught:
        video.process(frames(1)[0])
    assert caught.value.code == "no-references"
    with pytest.raises(UsageError) as caught:
        video.remember([frames(1)[0].astype(float)])
    assert caught.value.code == "no-frames"
    with pytest.raises(UsageError) as caught:
        inferencer().remember(frames(1))
    assert caught.value.code == "conflicting-arguments"


def test_a_network_that_gives_no_number_is_told_and_spoils_no_frame_to_come() -> None:
    video = inferencer(mode="offline")
    video.remember(frames(2))
    before = video.state()["memory"]["pixel"]["features"]
    weight = next(video.network.head.parameters())  # type: ignore[attr-defined]
    good = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("nan"))
        (result,) = video(frames(1))
        weight.copy_(good)
    assert getattr(result.error, "code", None) == "not-a-number" and len(result) == 0
    assert len(before) and torch.equal(video.state()["memory"]["pixel"]["features"], before)
    (result,) = video(frames(1))
    assert result.error is None and len(result) > 0 and np.isfinite(result.scores).all()


def test_a_memory_that_is_no_number_is_begun_anew() -> None:
    video = inferencer()
    video(frames(2))
    video._memory.pixel._rows.fill_(float("nan"))
    (result,) = video(frames(1))
    assert getattr(result.error, "code", None) == "not-a-number"
    assert video(frames(1))[0].boxes.tolist() == inferencer()(frames(1))[0].boxes.tolist() != []


class Jumping:
    """Finds one thing that goes on and one that is nowhere twice, so that tracks begin and end all the time."""

    classes = ("thing",)

    def __init__(self) -> None:
        self.noise = np.random.default_rng(0)

    def new_memory(self, seed: int = 0) -> None:
        return None

    def detect(self, frame: np.ndarray, memory: Any, max_size: int | None = None, threshold: float = 0.0) -> Detections:
        x = float(self.noise.integers(100, 2000))
        boxes = np.array([[4, 4, 24, 24], [x, 0, x + 20, 20], [x, 40, x + 20, 60]], np.float32)
        return Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64))


def test_memory_of_the_process_is_flat_however_long_the_video_is() -> None:
    video = VideoInferencer(network=Jumping(), device="cpu")
    frame = np.zeros((64, 2048, 3), np.uint8)

    def run(start: int, count: int) -> int:
        for number in range(start, start + count):
            # Oddities, which are told once, all the time.
            video.process(VideoFrame(number - number % 3, number / (10 if number % 50 < 25 else 30), frame))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = run(0, 200)
        after = run(200, 600)
    finally:
        tracemalloc.stop()
    # One box of one frame kept, as a Python object, is a hundred bytes.
    assert after - before < 600 * 40
    assert [len(video.state()["order"][name]) for name in ("steps", "first_steps")] == [9, 9]


def test_the_state_of_a_network_that_remembers_stays_as_large() -> None:
    video = inferencer()
    video(frames(12))
    rows = len(video.state()["memory"]["pixel"]["features"])
    for frame in frames(30):
        video.process(frame)
    assert 60 <= rows < 120 and len(video.state()["memory"]["pixel"]["features"]) == rows


def test_a_rate_that_changes_is_told_once() -> None:
    order = FrameOrder()
    times = [n / 25 for n in range(20)] + [0.8 + n / 10 for n in range(20)]
    told = [(n, notice) for n, time in enumerate(times) for notice in order.check(n, time, (4, 4))]
    ((number, notice),) = told
    assert notice.code == "rate-changed" and 20 < number < 30
    assert notice.value == pytest.approx((0.04, 0.1))
    # Lost frames, and times rounded to milliseconds, change no rate.
    order = FrameOrder()
    steady = [round(n / 30, 3) for n in range(60) if n % 11]
    assert [notice for n, time in enumerate(steady) for notice in order.check(n, time, None)] == []


@pytest.mark.parametrize("package", ["trackers", "supervision"])
def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"neighborhood-vision\[video\]") as caught:
        inferencer()
    assert caught.value.code == "missing-package"
    assert inferencer(track=False)(frames(1))[0].track_ids.max() == -1
