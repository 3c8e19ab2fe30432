"""Fixtures that several tests share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent

TINY_CONFIG = """
_base_ = {base!r}

model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyNet", width=4, depths=(1, 1)),
    head=dict(type="ForgeryHead", in_channels=32),
)
dataset = dict(type="ForgeryDataset", data_root={data_root!r}, crop_size=32)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01))
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(by_epoch=False, interval=2))
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
"""


@pytest.fixture
def forgery_tree(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a data set `<root>/<source>/{0_real,1_fake}/NN.png` and returns its root.

    Real images are smooth, generated ones carry a checkerboard, so a model can tell them apart.
    """

    def make(sources: Sequence[str] = ("alpha", "beta"), count: int = 3, size: int = 40, name: str = "images") -> Path:
        rng = np.random.default_rng(0)
        root = tmp_path / name
        for source in sources:
            for label in ("0_real", "1_fake"):
                folder = root / source / label
                folder.mkdir(parents=True)
                for i in range(count):
                    Image.fromarray(_picture(rng, size, fake=label == "1_fake")).save(folder / f"{i:02}.png")
        return root

    return make


@pytest.fixture
def tiny_config(tmp_path: Path, forgery_tree: Callable[..., Path]) -> Path:
    """A config that trains a very small forgery detector for two iterations."""
    base = ROOT / "configs/_base_/runtime/forgery.py"
    path = tmp_path / "tiny.py"
    path.write_text(TINY_CONFIG.format(base=str(base), data_root=str(forgery_tree())))
    return path


@pytest.fixture
def run_tool(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `tools/<name>` (.py or .sh) in tmp_path and returns the finished process."""

    def run(name: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable] if name.endswith(".py") else ["bash"]
        command += [str(ROOT / "tools" / name), *map(str, arguments)]
        environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        if check:
            assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done

    return run


# Flags of a kernel's source, of the emulator's, of the linker. "hooks": loads and stores call csrc/simt/hooks.cpp.
SANITIZE = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SIMT_MODES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "plain": (["-O1"], ["-O2"], []),
    "hooks": (["-O1", "-fsanitize=thread"], ["-O2"], []),
    "sanitized": (SANITIZE, SANITIZE, SANITIZE),
    "ucontext": (["-O1", "-DNBV_SIMT_UCONTEXT"], ["-O1", "-DNBV_SIMT_UCONTEXT"], []),
}


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run, the same one for all of its workers: lock what is made there once (`FileLock`)."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def build_docs() -> Callable[[Path, Path], subprocess.CompletedProcess[str]]:
    """A function that builds the documentation by a config, into a folder."""

    def build(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return build


@pytest.fixture(scope="session")
def docs_site(shared_folder: Path, build_docs: Callable[[Path, Path], subprocess.CompletedProcess[str]]) -> Path:
    """The folder with the built documentation, of which no part was warned of."""
    folder = shared_folder / "site"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            done = build_docs(ROOT / "mkdocs.yml", folder)
            assert done.returncode == 0, done.stderr
            assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="session")
def compile_simt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that compiles kernels, as they are, for the SIMT emulator: sources, a mode -> a program or library.

    What it makes is kept in pytest's cache, by the content of the sources and of all headers.
    """
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("g++ compiles the emulator, which is written for Linux")
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("simt") if cache else tmp_path_factory.mktemp("simt")
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - 7 * 86400:
            old.unlink(missing_ok=True)
    headers = [path for part in ("csrc/simt", "csrc/cuda", "csrc/geometry", "tests/simt", "tests/cuda")
               for path in sorted((ROOT / part).rglob("*.h"))]  # fmt: skip
    known = b"".join(path.read_bytes() for path in headers) + subprocess.check_output(["g++", "--version"])

    def make(name: str, content: bytes, command: list[str]) -> Path:
        key = hashlib.sha256(known + content + " ".join(command).encode()).hexdigest()[:24]
        target = folder / f"{name}-{key}"
        with FileLock(f"{target}.lock"):  # of two workers that want it, one compiles
            if target.exists():
                os.utime(target)
                return target
            part = folder / f"{name}-{key}.{os.getpid()}"
            done = subprocess.run([*command, "-o", str(part)], text=True, capture_output=True, timeout=280)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-8000:]}"
            return part.replace(target)

    def compile_one(source: Path, flags: Sequence[str]) -> Path:
        warnings = ["-Wall", "-Wextra", "-Wno-unknown-pragmas"]
        command = [
            "g++",
            "-std=c++20",
            "-g1",
            "-fPIC",
            "-fvisibility=hidden",
            "-fno-strict-aliasing",
            *warnings,
            *flags,
            "-x",
            "c++",
        ]
        return make(f"{source.stem}.o", source.read_bytes(), [*command, "-c", str(source)])

    def compile_all(*sources: Path, mode: str = "plain", flags: Sequence[str] = (), library: bool = False) -> Path:
        ours, emulator, link = SIMT_MODES[mode]
        jobs = [(source, [*ours, *flags]) for source in sources]
        jobs += [(source, emulator) for source in sorted((ROOT / "csrc/simt").glob("*.cpp"))]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [str(path) for path in pool.map(lambda job: compile_one(*job), jobs)]
        name = f"{sources[0].stem}.so" if library else sources[0].stem
        return make(name, b"", ["g++", *(["-shared"] if library else []), *link, *objects, "-ldl", "-lpthread"])

    return compile_all


def _picture(rng: np.random.Generator, size: int, fake: bool) -> np.ndarray:
    ramp = np.linspace(0, 200, size)[:, None, None] * rng.uniform(0.3, 1, 3) + rng.uniform(0, 20, (size, size, 3))
    board = np.indices((size, size)).sum(0)[..., None] % 2 * 30
    return (ramp + board * fake).clip(0, 255).astype(np.uint8)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler, int], None]], str]]:
    """A function: what answers GET, given the handler and how many came before -> the address of a file."""
    servers = []

    def start(answer: Callable[[BaseHTTPRequestHandler, int], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                count = self.server.count  # type: ignore[attr-defined]
                self.server.count += 1  # type: ignore[attr-defined]
                with contextlib.suppress(ConnectionError):  # who asked may have gone
                    answer(self, count)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.count, server.stop = 0, threading.Event()  # type: ignore[attr-defined]
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/w.pth"

    yield start
    for server in servers:
        server.stop.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
