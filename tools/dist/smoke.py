"""Tries each command of an installed suite: `python smoke.py`, by the Python of the environment, away from the source.

Names of commands try these alone. It imports nothing but what the suite and its extras require, and prints a line per
command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

VISION = str(Path(sys.executable).parent / "vision")
OPERATOR = """
import torch
from vision.ops import na2d
x = torch.randn(1, 14, 14, 2, 32, requires_grad=True)
out = na2d(x, x, x, 7, backend="native")
out.sum().backward()
torch.testing.assert_close(out, na2d(x, x, x, 7, backend="reference"))
"""


class Broken(Exception):
    """A command did not do what it is for."""


def main(names: Sequence[str]) -> int:
    """Try these commands, or all; exit code 0, or 1 where something is broken."""
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        make_inputs()
        for title, step in [(name, STEPS[name]) for name in names or STEPS]:
            start = time.monotonic()
            try:
                said = step()
            except (Broken, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
                broken += 1
                said = f"BROKEN: {error}"
            print(f"{title}: {said} ({time.monotonic() - start:.1f} s)", flush=True)
    return int(broken > 0)


def make_inputs() -> None:
    """A photograph-like image, a stereo pair of it, and frames of a video."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (33, 52, 3), dtype=np.uint8)
    wide = Image.fromarray(noise).resize((416, 256), Image.Resampling.BICUBIC)
    wide.crop((0, 0, 400, 256)).save("left.png")
    wide.crop((8, 0, 408, 256)).save("right.png")
    Path("frames").mkdir()
    for i in range(4):
        wide.crop((4 * i, 0, 4 * i + 400, 256)).save(f"frames/{i}.png")


def vision(*words: str, code: int = 0) -> str:
    """Standard output of a command that must end with this exit code."""
    done = subprocess.run([VISION, *words], text=True, capture_output=True, timeout=1200)
    if done.returncode != code:
        raise Broken(f"vision {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def installed() -> str:
    """What runs is what was installed, with all that it needs."""
    findings = {(one["section"], one["name"]): one for one in json.loads(vision("doctor", "--json"))}
    place = findings["versions", "vision"]["detail"]
    if str(Path(sys.prefix)) not in place:
        raise Broken(f"vision {place} is not that of {sys.prefix}")
    if findings["extension", "vision._C"]["state"] != "ok":
        raise Broken(findings["extension", "vision._C"]["detail"])
    cuda = findings["extension", "vision._C_cuda"]
    return f"{place}; {findings['versions', 'torch']['detail']}; _C_cuda {cuda['state']}: {cuda['detail']}"


def operator() -> str:
    """The compiled kernels give what the reference gives."""
    done = subprocess.run([sys.executable, "-c", OPERATOR], text=True, capture_output=True)
    if done.returncode:
        raise Broken(done.stderr.strip()[-500:])
    return "native agrees with reference"


def forgery() -> str:
    """One image is judged, and its report written."""
    (result,) = json.loads(vision("forgery", "left.png", "--json", "--report", "report"))
    if not Path("report/report.html").stat().st_size:
        raise Broken("the report is empty")
    return str(result["verdict"])


def stereo() -> str:
    """A pair is matched."""
    (result,) = json.loads(vision("stereo", "left.png", "right.png", "-o", "matched", "--json", "--save", "npy"))
    if not any(Path("matched").glob("*.npy")):
        raise Broken("no disparities were written")
    return f"{len(result)} figures"


def video() -> str:
    """Frames are looked at; with the extra, a video of them is written."""
    words = ["video", "frames", "--jsonl"]
    if has("av") and has("supervision"):
        words += ["-o", "found.mp4"]
    lines = vision(*words).splitlines()
    if len(lines) != 4:
        raise Broken(f"4 frames gave {len(lines)} results")
    return "4 frames" + (", found.mp4" if Path("found.mp4").is_file() else "")


def serve() -> str:
    """The server starts, answers, and ends when it is told to."""
    if not has("fastapi"):
        vision("serve", code=2)
        return "refused, as its extra is not installed"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([VISION, "serve", "--port", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        answer = until_it_answers(process, f"http://127.0.0.1:{port}/healthz")
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=300)[1]
    if process.returncode != 128 + signal.SIGTERM:
        raise Broken(f"told to end, it ended with {process.returncode}: {said[-500:]}")
    return answer


def until_it_answers(process: subprocess.Popen[str], url: str) -> str:
    """The answer of a server that may still be starting."""
    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return f"/healthz: {answer.read().decode().strip()}"
        except OSError:  # it does not listen yet, or is too busy to answer
            time.sleep(0.5)
    raise Broken("it gave no answer")


def export() -> str:
    """A model becomes an ONNX file."""
    words = ("export", "stereo", "stereo.onnx", "--size", "64", "96")
    if not has("onnx") or not has("onnxscript"):
        vision(*words, code=2)
        return "refused, as its extra is not installed"
    vision(*words)
    return f"{Path('stereo.onnx').stat().st_size:,} bytes"


def batch() -> str:
    """A cluster is started, images are judged on it, and the table is there."""
    words = ["batch", "forgery", "left.png", "right.png", "--out", "judged"]
    if not has("ray"):
        vision(*words, code=2)
        return "refused, as its extra is not installed"
    vision(*words)
    import pyarrow.parquet as pq

    table = pq.read_table("judged")
    if table.num_rows != 2 or table["error"].null_count != 2:
        raise Broken(f"two images gave {table.num_rows} rows, {2 - table['error'].null_count} of them with errors")
    return "2 rows"


def models() -> str:
    """All weights that ship are there."""
    rows = [row for row in json.loads(vision("models", "--json")) if row.get("ships_weights")]
    if not rows or any(row["weights"] is None for row in rows):
        raise Broken("weights are missing")
    return f"{len(rows)} with weights"


def completion() -> str:
    """Every shell is given its part."""
    for shell in ("bash", "zsh", "fish"):
        if "_ARGCOMPLETE" not in vision("completion", shell):
            raise Broken(f"{shell} is given nothing")
    return "bash, zsh, fish"


def others() -> str:
    """A command that is not tried here has a help text at least."""
    from vision.cli.main import build_parser

    (commands,) = (action.choices for action in build_parser()._actions if action.dest == "name")
    untried = sorted(set(commands or ()) - set(STEPS))
    for name in untried:
        vision(name, "--help")
    return ", ".join(untried) or "none"


def has(module: str) -> bool:
    """Whether something can be imported."""
    from importlib.util import find_spec

    return find_spec(module) is not None


STEPS: dict[str, Callable[[], str]] = {
    "doctor": installed,
    "operators": operator,
    "models": models,
    "forgery": forgery,
    "stereo": stereo,
    "video": video,
    "batch": batch,
    "export": export,
    "serve": serve,
    "completion": completion,
    "others, --help": others,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
