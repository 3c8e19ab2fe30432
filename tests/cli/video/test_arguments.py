"""Arguments of `vision video` that do not fit: told in a line, before a model is loaded."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vision.cli.video.source import Source

Capture = pytest.CaptureFixture[str]
Video = Callable[..., int]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading one would fail the test."""
    monkeypatch.setattr("vision.apis.video.inferencer._named", lambda *_: pytest.fail("a model was loaded"))


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("0 --mode offline", "--mode offline reads the video twice, and camera 0 is there only once"),
        ("rtsp://localhost/x --mode offline", "stream 'rtsp://localhost/x' is there only once"),
        ("clip.mp4 --config a.py", "--config needs the weights of its model; name their file with --checkpoint"),
        ("clip.mp4 --config a.py --checkpoint a.pth --model x", "--config and --model exclude each other"),
        ("clip.mp4 --fps 5", "--fps is for folders of frames; 'clip.mp4' says its own"),
        ("clip.mp4 -o found.avi", "-o 'found.avi' is no name of a video; expected one that ends in .mp4, .mov, .m4v"),
        ("clip.mp4 -o .", "-o '.' is no name of a video"),
        ("clip.mp4 --mot -", "--mot '-' names no file"),
        ("clip.mp4 --mot ''", "--mot '' names no file"),
        ("clip.mp4 --state ''", "--state '' names no file"),
        ("clip.mp4 --resume ''", "--resume '' names no file; expected one"),
        ("clip.mp4 --checkpoint ''", "--checkpoint '' names no file"),
        ("clip.mp4 --config '' --checkpoint x", "--config '' names no file"),
        (f"clip.mp4 -o {'a' * 300}.mp4", "cannot be written (File name too long); choose another name"),
        ("clip.mp4 --mot /dev/null --overwrite", "--mot '/dev/null' is not a regular file"),
        ("4294967296", "source is 4294967296; expected the number of a camera, 0 to 2147483647"),
        ("clip.mp4 --mot missing/mot.txt", "--mot 'missing/mot.txt' cannot be written (No such file or directory)"),
        ("clip.mp4 -o missing/found.mp4", "-o 'missing/found.mp4' cannot be written (No such file or directory)"),
        ("clip.mp4 -o old.mp4", "-o 'old.mp4' is there already; choose another name, or see --overwrite"),
        ("clip.mp4 --mot old.mp4", "--mot 'old.mp4' is there already"),
        ("clip.mp4 --state old.mp4", "--state 'old.mp4' is there already"),
        ("clip.mp4 -o clip.mp4 --overwrite", "-o 'clip.mp4' is an input of this run, which is never written to"),
        ("clip.mp4 -o link.mp4 --overwrite", "-o 'link.mp4' is an input of this run"),
        ("clip.mp4 --mot clip.mp4 --overwrite", "--mot 'clip.mp4' is an input of this run"),
        ("frames --mot frames/1.png --overwrite", "--mot 'frames/1.png' is an input of this run"),
        ("clip.mp4 --checkpoint old.mp4 --state old.mp4 --overwrite", "--state 'old.mp4' is an input of this run"),
        ("clip.mp4 --resume old.mp4 --mot old.mp4 --overwrite", "--mot 'old.mp4' is an input of this run"),
        ("clip.mp4 --mot x --state ./x", "--state and --mot both name './x'"),
        ("clip.mp4 --every 0", "expected a whole number from 1 on, got '0'"),
        ("clip.mp4 --threshold 1.5", "expected a number from 0 to 1, got '1.5'"),
        ("clip.mp4 --max-size 8", "expected a whole number from 32 on, got '8'"),
        ("clip.mp4 --classes ,", "expected names of classes separated by commas, got ','"),
    ],
)
def test_arguments_that_do_not_fit(
    video: Video, clip: Path, tmp_path: Path, arguments: str, reason: str, capsys: Capture
) -> None:
    (tmp_path / "old.mp4").write_text("of an earlier run")
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/1.png").write_text("a frame")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    try:
        assert video(*shlex.split(arguments)) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert reason in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("no_model")
def test_outputs_do_not_mix_with_the_lines_of_the_run(
    video: Video, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Under capfd, standard output is a regular file, as behind `> lines.txt`.
    assert video(clip, "--mot", "/dev/stdout", "--overwrite") == 2
    assert "--mot '/dev/stdout' is where the lines of this run go; expected a file" in capfd.readouterr().err
    assert video(clip, "--state", "/dev/stderr", "--overwrite") == 2
    assert "--state '/dev/stderr' is where the lines of this run go" in capfd.readouterr().err


def test_a_folder_that_cannot_be_written(
    video: Video, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vision.cli.video.targets.tempfile.TemporaryFile", refuse)  # root writes everywhere
    assert video(clip, "-o", "found.mp4") == 2
    assert "-o 'found.mp4' cannot be written (Permission denied); choose a folder that" in capsys.readouterr().err


def test_what_the_input_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source.of("0") == Source(0, "camera 0", is_live=True)
    assert Source.of("http://localhost/x.mp4").is_live
    assert Source.of("missing.mp4") == Source("missing.mp4", "'missing.mp4'")
    Path("0").mkdir()
    assert Source.of("0") == Source("0", "'0'", is_folder=True)


def test_a_file_is_known_again_while_it_grows_and_not_when_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a" * 70_000)
    first = Source.of(str(path)).identity()
    path.write_bytes(b"a" * 90_000)
    assert Source.of(str(path)).identity() == first
    path.write_bytes(b"b" * 70_000)
    assert Source.of(str(path)).identity() != first


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom vision.cli.main import main\n"
        "try: main(['video', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'av', 'cv2', 'mmengine', 'numpy', 'supervision', 'torch', 'trackers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "--mode {causal,offline}" in done.stdout and done.stdout.splitlines()[-1] == "[]"
