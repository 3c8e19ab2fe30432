"""Calibration files: Middlebury, KITTI, OpenCV; what they say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.geometry import CalibrationError, read_calibration, read_cameras
from vision.geometry.text_formats import is_gray

MIDDLEBURY = """cam0=[3997.684 0 1176.728; 0 3997.684 1011.728; 0 0 1]
cam1=[3997.684 0 1307.839; 0 3997.684 1011.728; 0 0 1]
doffs=131.111
baseline=193.001
width=2964
height=1988
ndisp=280
isint=0
"""
KITTI = """P0: 721.5 0 609.5 0 0 721.5 172.8 0 0 0 1 0
P1: 721.5 0 609.5 -387.5 0 721.5 172.8 0 0 0 1 0
P2: 721.5 0 609.5 44.8 0 721.5 172.8 0.2 0 0 1 0.002
P3: 721.5 0 609.5 -339.5 0 721.5 172.8 2.2 0 0 1 0.003
"""
K = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])


def write(tmp_path: Path, text: str, name: str = "calib.txt") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def write_opencv(path: Path, **values: object) -> Path:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in values.items():
        storage.write(name, value)
    storage.release()
    return path


def test_middlebury(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path, MIDDLEBURY))
    assert (found.focal, found.cx, found.cy, found.doffs) == (3997.684, 1176.728, 1011.728, 131.111)
    assert (found.baseline, found.unit, found.size, found.note) == (193.001, "mm", (2964, 1988), "")
    without = MIDDLEBURY.replace("doffs=131.111\n", "").replace("\n", "\r\n")
    assert read_calibration(write(tmp_path, without)).doffs == pytest.approx(131.111)


def test_kitti(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path, KITTI))
    assert (found.focal, found.cx, found.unit, found.size) == (721.5, 609.5, "m", None)
    assert found.baseline == pytest.approx((44.8 + 339.5) / 721.5)
    assert read_calibration(write(tmp_path, KITTI), gray=True).baseline == pytest.approx(387.5 / 721.5)
    lines = [f"P_rect_0{line[1:]}" for line in KITTI.splitlines()]
    raw = "\n".join(["calib_time: 09-Jan-2012", "S_rect_02: 1.242e+03 3.75e+02", *lines])
    assert read_calibration(write(tmp_path, raw)).size == (1242, 375)
    gray_alone = "\n".join(KITTI.splitlines()[:2])
    assert read_calibration(write(tmp_path, gray_alone)).baseline == pytest.approx(387.5 / 721.5)


@pytest.mark.parametrize("suffix", ["yml", "xml", "json"])
def test_opencv_projections(tmp_path: Path, suffix: str) -> None:
    p1 = np.hstack([K, np.zeros((3, 1))])
    p2 = p1 + np.array([[0, 0, 3.0, -50], [0, 0, 0, 0], [0, 0, 0, 0]])
    path = write_opencv(tmp_path / f"stereo.{suffix}", P1=p1, P2=p2, image_width=640, image_height=480)
    found = read_calibration(path)
    assert (found.focal, found.focal_y, found.cx, found.doffs) == (500, 510, 320, 3)
    assert (found.baseline, found.unit, found.size) == (0.1, "", (640, 480))


@pytest.mark.parametrize(
    "names",
    [
        ("K1", "D1", "K2", "D2", "R", "T"),
        ("M1", "D1", "M2", "D2", "R", "T"),
        ("cameraMatrix1", "distCoeffs1", "cameraMatrix2", "distCoeffs2", "R", "T"),
        (
            "camera_matrix_left",
            "dist_coeffs_left",
            "camera_matrix_right",
            "dist_coeffs_right",
            "rotation",
            "translation",
        ),
    ],
)
def test_opencv_cameras_in_two_files(tmp_path: Path, names: tuple[str, ...]) -> None:
    d1, d2 = np.arange(5.0) / 100, np.zeros((1, 8))
    values = (K, d1, K + np.diag([1.0, 1, 0]), d2, np.eye(3), np.array([[-0.3], [0], [0.4]]))
    parts = dict(zip(names, values, strict=True))
    first = write_opencv(tmp_path / "intrinsics.yml", **dict(list(parts.items())[:4]))
    second = write_opencv(tmp_path / "extrinsics.yml", **dict(list(parts.items())[4:]))
    found = read_cameras([first, second])
    assert np.array_equal(found.k1, K) and np.array_equal(found.k2, values[2])
    assert np.array_equal(found.d1, d1) and found.d2.shape == (8,) and found.translation.tolist() == [-0.3, 0, 0.4]
    rectified = read_calibration([first, second])
    assert rectified.baseline == pytest.approx(0.5) and rectified.note.code == "taken-as-rectified"


def test_plain_yaml_lists_and_a_rotation_vector(tmp_path: Path) -> None:
    text = (
        "%YAML:1.0\n---\nK1: [[500, 0, 320], [0, 510, 240], [0, 0, 1]]\nK2: [500, 0, 320, 0, 510, 240, 0, 0, 1]\n"
        "R: [0, 0, 1.5707963267948966]\nT: [-1, 0, 0]\nimage_size: [640, 480]\n"
    )
    found = read_cameras(write(tmp_path, text, "plain.yaml"))
    assert np.array_equal(found.k1, K) and np.array_equal(found.k2, K) and found.size == (640, 480)
    np.testing.assert_allclose(found.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    assert found.d1.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("hello", "unknown kind of calibration"),
        (MIDDLEBURY.replace("baseline=193.001\n", ""), "has no baseline="),
        (MIDDLEBURY.replace("193.001", "0"), "baseline is 0; expected a positive number"),
        (MIDDLEBURY.replace("193.001", "-5"), "the right camera stands to the right"),
        (MIDDLEBURY.replace("193.001", "nan"), "baseline holds 'nan'; expected a number"),
        (MIDDLEBURY.replace("3997.684 0 1176.728", "0 0 1176.728"), "focal is 0; expected a positive number"),
        (MIDDLEBURY.replace("; 0 0 1]", "]"), r"expected \[f 0 cx; 0 f cy; 0 0 1\]"),
        (MIDDLEBURY.replace("2964", "0"), "0 x 1988 pixels; expected positive"),
        (
            MIDDLEBURY.replace("cam1=[3997.684", "cam1=[4100"),
            "cam0 and cam1 are not of a rectified pair: fx is 3997.68 and",
        ),
        (MIDDLEBURY.replace("1011.728; 0 0 1]\ndoffs", "1013.728; 0 0 1]\ndoffs"), "cy is 1011.73 and 1013.73"),
        (MIDDLEBURY.replace("0 0 1]\ncam1", "0 0 2]\ncam1"), r"cam0 is .*; expected \[f 0 cx; 0 f cy; 0 0 1\]"),
        (MIDDLEBURY + "baseline=50\n", "'baseline' is there twice"),
        (KITTI.replace("P3: 721.5", "P3: 800"), "P2 and P3 are not of a rectified pair: fx is 721.5 and 800"),
        (KITTI.replace("172.8 2.2", "182.8 2.2"), "cy is 172.8 and 182.8; expected the same"),
        (KITTI.replace("172.8 2.2", "172.8 22.2"), r"between them lie \(0.53.*\); expected a way along x alone"),
        (KITTI + KITTI.splitlines()[2], "P2 is there twice"),
        (KITTI.replace("-339.5", "44.8"), "baseline is 0; expected a positive number"),
        (KITTI.replace("P3: 721.5", "P3: "), "P3 has 11 numbers; expected 12"),
        (KITTI.replace("P2: 721.5", "P2: 0"), "focal length of P2 is 0"),
        (KITTI.splitlines()[2], "has P2; expected P2 and P3, or P0 and P1"),
        (KITTI.replace("-339.5", "x"), "P3 holds 'x'; expected a number"),
        ("%YAML:1.0\n---\nK1: [1, 2,\n", "damaged YAML"),
        ("%YAML:1.0\n---\nname: camera\n", "has no matrix K1"),
        ("%YAML:1.0\n---\nK1: [1, 2, 3]\nT: [1, 0, 0]\n", "wrong shape"),
        ("<?xml version='1.0'?><nonsense>", "its root is <nonsense>"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CalibrationError, match=message) as caught:
        read_calibration(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_no_text_files(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00" * 9)
    (tmp_path / "huge.yml").write_bytes(b"%YAML:1.0\n" + b"a: 1\n" * 300_000)
    for name, message in (
        ("missing.txt", "no such calibration file"),
        (".", "not a regular file"),
        ("binary", "is not text"),
        ("huge.yml", "expected a calibration, a small file"),
    ):
        with pytest.raises(CalibrationError, match=message):
            read_calibration(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": np.zeros(3)}, "not all 0"),
        ({"R": np.eye(3) * 2}, "no rotation matrix"),
        ({"R": np.diag([1.0, 1, -1])}, "no rotation matrix"),
        ({"K1": np.diag([0.0, 5, 1])}, "k1 has focal lengths 0, 5"),
        ({"K2": np.eye(3) * np.nan}, "k2 holds values that are not finite"),
        ({"D1": np.zeros(3)}, "d1 has 3 values"),
    ],
)
def test_cameras_that_cannot_be(tmp_path: Path, change: dict[str, np.ndarray], message: str) -> None:
    values = {"K1": K, "D1": np.zeros(5), "K2": K, "D2": np.zeros(5), "R": np.eye(3), "T": np.array([-1.0, 0, 0])}
    path = write_opencv(tmp_path / "stereo.yml", **{**values, **change})
    with pytest.raises(CalibrationError, match=message):
        read_cameras(path)


def test_rectifying_needs_an_opencv_calibration(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="is no calibration of raw cameras"):
        read_cameras(write(tmp_path, KITTI))


def test_projections_of_cameras_the_wrong_way_round(tmp_path: Path) -> None:
    p1 = np.hstack([K, np.zeros((3, 1))])
    for column, message in (([50, 0], "to the left of camera 1"), ([0, -50], "above each other")):
        p2 = p1.copy()
        p2[:2, 3] = column
        with pytest.raises(CalibrationError, match=message):
            read_calibration(write_opencv(tmp_path / "stereo.yml", P1=p1, P2=p2))


def test_values_that_contradict_each_other(tmp_path: Path) -> None:
    camera = "fx: 500, fy: 510, cx: 320, cy: 240"
    pair = f"left: {{{camera}}}\nright: {{{camera.replace('320', '330')}}}\nbaseline: 0.5\n"
    found = read_calibration(write(tmp_path, pair))
    assert (found.focal, found.baseline, found.doffs, found.note) == (500, 0.5, 10, "")
    for right in ("fx: 600, fy: 510, cx: 330, cy: 240", "fx: 500, fy: 510, cx: 330, cy: 241"):
        wrong = f"left: {{{camera}}}\nright: {{{right}}}\nbaseline: 0.5\n"
        assert getattr(read_calibration(write(tmp_path, wrong)).note, "code", "") == "taken-as-rectified"
    sizes = pair + "image_size: [640, 480]\nimage_width: 640\nimage_height: 480\n"
    assert read_calibration(write(tmp_path, sizes)).size == (640, 480)
    with pytest.raises(CalibrationError, match="is for images of 640 x 480 and 1280"):
        read_calibration(write(tmp_path, sizes.replace("width: 640", "width: 1280")))
    behind = write_opencv(tmp_path / "b.yml", K1=K, K2=K, R=np.eye(3), T=np.array([-0.1, 0, 0.4]))
    with pytest.raises(CalibrationError, match="the cameras stand behind each other"):
        read_calibration(behind)


def test_projections_of_a_pair_that_is_not_rectified(tmp_path: Path) -> None:
    p1 = np.hstack([K, np.zeros((3, 1))])
    for place, value, message in (
        ((0, 0), 520, "P1 and P2 are not of a rectified pair: fx is 500 and 520; expected the same"),
        ((1, 1), 520, "fy is 510 and 520"),
        ((1, 2), 242, "cy is 240 and 242"),
        ((1, 3), -5, "expected a way along x alone"),
        ((2, 2), 2, "P2 is .*; expected .f 0 cx; 0 f cy; 0 0 1"),
    ):
        p2 = p1.copy()
        p2[0, 3], p2[place] = -50, value
        with pytest.raises(CalibrationError, match=message):
            read_calibration(write_opencv(tmp_path / "stereo.yml", P1=p1, P2=p2))
    sides = {"R": np.eye(3), "T": np.array([-0.1, 0, 0])}
    transposed = write_opencv(tmp_path / "raw.yml", K1=K.T.copy(), K2=K.T.copy(), **sides)
    with pytest.raises(CalibrationError, match=r"K1 is .*, not transposed or sheared"):
        read_calibration(transposed)


def test_doffs_that_contradict_the_cameras_are_told(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path, MIDDLEBURY.replace("doffs=131.111", "doffs=-131.111")))
    assert found.doffs == -131.111
    assert getattr(found.note, "code", "") == "doffs-differ" and found.note.value == (-131.111, pytest.approx(131.111))


def test_which_of_kittis_cameras_is_told_where_nothing_says_it(tmp_path: Path) -> None:
    path = write(tmp_path, KITTI)
    assert getattr(read_calibration(path).note, "code", "") == "cameras-guessed"
    assert read_calibration(path, gray=False).note == read_calibration(path, gray=True).note == ""
    assert read_calibration(write(tmp_path, "\n".join(KITTI.splitlines()[2:]))).note == ""
    for left, expected in (("/k/image_0/1.png", True), ("/k/image_02/data/1.png", False), ("/k/left/1.png", None)):
        assert is_gray(left) is expected
