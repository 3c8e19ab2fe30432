"""What tools call the parts of a calibration, and which lens they mean: read right or refused, never taken for zero."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.geometry import CalibrationError, CameraPair, Rectifier, read_calibration, read_cameras

K = [[400.0, 0, 320], [0, 410, 240], [0, 0, 1]]
LENS = [-0.3, 0.09, 0.001, -0.0005, 0.02]
FISHEYE = [0.05, -0.01, 0.004, -0.001]
NO_LENS = [0.0, 0, 0, 0, 0]
TURN = cv2.Rodrigues(np.array([0.01, -0.02, 0.01]))[0]
SHIFT = np.array([-0.12, 0.002, 0.001])


def written(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def lines(**values: object) -> str:
    return "".join(f"{name}: {np.asarray(value).tolist()}\n" for name, value in values.items())


def opencv(left: str, right: str, lens: Sequence[float] = LENS, more: str = "") -> str:
    """Cameras K_left ... with the names of lenses given."""
    text = lines(K1=K, K2=K, R=TURN, T=SHIFT, **{left: lens, right: [*lens[:-1], 0.01]})
    return f"%YAML:1.0\n---\n{text}{more}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("distortion_coeffs_left", "distortion_coeffs_right"),
        ("D_left", "D_right"),
        ("left_dist_coeff", "right_dist_coeff"),
        ("distortionCoefficients1", "distortionCoefficients2"),
        ("cam0_distortion", "cam1_distortion"),
        ("lens_distortion_l", "lens_distortion_r"),
        ("kc_left", "kc_right"),
        ("dist0", "dist1"),
        ("left.D", "right.D"),
    ],
)
def test_names_of_lenses(tmp_path: Path, left: str, right: str) -> None:
    found = read_cameras(written(tmp_path, opencv(left, right)))
    assert found.d1.tolist() == LENS and found.d2.tolist() == [*LENS[:-1], 0.01] and found.note == ""


@pytest.mark.parametrize(
    "name", ["lens_params_left", "coefficients_of_left", "radial_left", "left_undocumented_distortion"]
)
def test_a_lens_of_an_unknown_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CalibrationError, match=f"{name} looks like the distortion of a lens but is not understood"):
        read_cameras(written(tmp_path, opencv(name, name.replace("left", "right"))))


def test_without_a_lens_it_is_said(tmp_path: Path) -> None:
    found = read_cameras(written(tmp_path, lines(K1=K, K2=K, R=TURN, T=SHIFT)))
    assert found.d1.tolist() == NO_LENS and getattr(found.note, "code", "") == "no-distortion"
    for text, message in (
        (lines(K1=K, K2=K, D1=LENS, R=TURN, T=SHIFT), "has D1 but no D2; expected both or none"),
        (lines(K1=K, K2=K, D2=LENS, R=TURN, T=SHIFT), "has D2 but no D1; expected both or none"),
        (lines(K1=K, K2=K, D1=LENS, R=TURN, T=SHIFT) + "D2: see D1\n", "D2 looks like the distortion"),
        (lines(K1=K, K2=K, D=LENS, R=TURN, T=SHIFT), "D looks like the distortion of a lens"),
        (lines(K1=K, K2=K, k1=-0.3, k2=0.1, R=TURN, T=SHIFT), "k1 looks like the distortion of a lens"),
        (lines(K1=K, K2=K, M1=TURN, D1=LENS, D2=LENS, R=TURN, T=SHIFT), "K1 and M1 are two names of one value"),
        (lines(K1=np.transpose(K), K2=K, D1=LENS, D2=LENS, R=TURN, T=SHIFT), "not transposed or sheared"),
    ):
        with pytest.raises(CalibrationError, match=message):
            read_cameras(written(tmp_path, text))


@pytest.mark.parametrize(
    "names", [("D1", "D2"), ("left", "right"), ("cam0", "cam1"), ("left.distortion", "right.lens")]
)
def test_terms_of_a_lens_one_by_one(tmp_path: Path, names: tuple[str, str]) -> None:
    text = lines(K1=K, K2=K, R=TURN, T=SHIFT)
    for name, k1 in zip(names, (-0.3, 0.2), strict=True):
        text += f"{name}: {{k1: {k1}, k2: 0.09, p1: 0.001, p2: -0.0005}}\n"
    found = read_cameras(written(tmp_path, text))
    assert found.d1.tolist() == [-0.3, 0.09, 0.001, -0.0005, 0] and found.d2[0] == 0.2 and found.note == ""


def test_references_of_yaml(tmp_path: Path) -> None:
    text = "K1: &k " + str(K) + "\nK2: *k\nD1: &lens " + str(LENS) + "\nD2: *lens\n" + lines(R=TURN, T=SHIFT)
    found = read_cameras(written(tmp_path, text))
    assert found.k2.tolist() == K and found.d1.tolist() == found.d2.tolist() == LENS


@pytest.mark.parametrize(
    "more",
    [
        "distortion_model: equidistant",
        "camera_model: fisheye",
        "Camera.type: KannalaBrandt8",
        "fisheye_model: 1",
        "model_type: KANNALA_BRANDT",
        "lens: OPENCV_FISHEYE",
        "camera: {model: pinhole-equi}",
        "camera_model: pinhole\ndistortion_model: kb4",
        "is_fisheye: true",
    ],
)
def test_a_fisheye_is_rectified_by_its_own_model(tmp_path: Path, more: str) -> None:
    text = lines(K1=K, K2=K, D1=FISHEYE, D2=FISHEYE, R=TURN, T=SHIFT, size=[640, 480]) + more + "\n"
    cameras = read_cameras(written(tmp_path, text))
    assert cameras.lens == "fisheye"


def test_rows_agree_behind_fisheyes() -> None:
    cameras = CameraPair(
        np.array(K), np.array(FISHEYE), np.array(K), np.array(FISHEYE), TURN, SHIFT, (640, 480), lens="fisheye"
    )
    rectifier = Rectifier(cameras, 640, 480)
    calibration = rectifier.calibration
    assert calibration.cx is not None and calibration.cy is not None and calibration.rotation is not None
    point = np.array([0.5, 0.35, 2.0])  # far from the axis, where the models differ by 30 pixels
    views = []
    for rotation, translation in ((np.eye(3), np.zeros(3)), (TURN, SHIFT)):
        at = cv2.fisheye.projectPoints(
            point.reshape(1, 1, 3), cv2.Rodrigues(rotation)[0], translation, np.array(K), np.array(FISHEYE)
        )[0].ravel()
        grid = np.stack(np.meshgrid(np.arange(640), np.arange(480)), -1)
        dot = 255 * np.exp(-np.square(grid - at).sum(-1) / 18)
        views.append(np.dstack([dot] * 3).astype(np.uint8))
    left, right = (np.unravel_index(view[..., 0].argmax(), (480, 640)) for view in rectifier(*views))
    x, y, z = np.reshape(calibration.rotation, (3, 3)) @ point
    assert left[1] == pytest.approx(calibration.cx + calibration.focal * x / z, abs=1)
    assert left[0] == pytest.approx(calibration.cy + calibration.focal * y / z, abs=1) and abs(left[0] - right[0]) <= 1
    assert left[1] - right[1] == pytest.approx(calibration.focal * calibration.baseline / z, abs=1.5)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("camera_model: omni\n", "omni"),
        ("camera_model: omni-radtan\n", "omni-radtan"),
        ("camera_model: ds\n", "ds"),
        ("distortion_model: eucm\n", "eucm"),
        ("distortion_model: fov\n", "fov"),
        ("distortion_model: swirl\n", "swirl"),
        ("model_type: MEI\n", "MEI"),
        ("mirror_parameters: {xi: 1.2}\n", "omnidirectional"),
        ("xi1: [1.2]\nxi2: [1.2]\n", "omnidirectional"),
    ],
)
def test_other_lenses_are_refused_by_name(tmp_path: Path, more: str, name: str) -> None:
    with pytest.raises(CalibrationError, match=f"names the lens model '{name}', which is not read"):
        read_cameras(written(tmp_path, opencv("D1", "D2", [*LENS[:4], 0], more)))


def test_names_of_devices_are_no_lenses(tmp_path: Path) -> None:
    more = "camera_model: ZED 2i\ncamera_name: fisheye\ndistortion_model: plumb_bob\nfisheye_model: 0\n"
    assert read_cameras(written(tmp_path, opencv("D1", "D2", LENS, more))).lens == "pinhole"
    with pytest.raises(CalibrationError, match="expected one of the two"):
        read_cameras(written(tmp_path, opencv("D1", "D2", LENS, "distortion_model: plumb_bob\nfisheye_model: 1\n")))
    with pytest.raises(CalibrationError, match=r"d1 has 5 values; expected one of \(4,\)"):
        read_cameras(written(tmp_path, opencv("D1", "D2", LENS, "camera_model: fisheye\n")))


def camera_info(folder: Path, side: str, tx: float, names: str = "long", model: str = "plumb_bob") -> Path:
    if names == "long":
        rows = {"camera_matrix": (3, 3, K), "distortion_coefficients": (1, 5, LENS)}
        rows |= {"rectification_matrix": (3, 3, np.eye(3)), "projection_matrix": (3, 4, projection(tx))}
        text = "".join(
            f"{name}:\n  rows: {r}\n  cols: {c}\n  data: {np.ravel(v).tolist()}\n" for name, (r, c, v) in rows.items()
        )
        text = f"image_width: 640\nimage_height: 480\ncamera_name: {side}\n" + text
    else:
        text = "header: {frame_id: left}\nheight: 480\nwidth: 640\n"
        text += lines(D=LENS, K=np.ravel(K), R=np.eye(3).ravel(), P=np.ravel(projection(tx)))
    return written(folder, f"distortion_model: {model}\n{text}", f"{side}.yaml")


def projection(tx: float) -> list[list[float]]:
    return [[390, 0, 310, tx], [0, 390, 230, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize("names", ["long", "short"])
def test_camera_info_of_ros(tmp_path: Path, names: str) -> None:
    paths = [camera_info(tmp_path, side, tx, names) for side, tx in (("left", 0.0), ("right", -39.0))]
    found = read_calibration(paths)
    assert (found.focal, found.cx, found.cy, found.doffs, found.unit) == (390, 310, 230, 0, "m")
    assert found.baseline == pytest.approx(0.1) and found.size == (640, 480) and found.note == ""
    cameras = read_cameras(paths)
    assert cameras.k1.tolist() == K and cameras.d2.tolist() == LENS and cameras.unit == "m"
    np.testing.assert_allclose(cameras.translation, [-0.1, 0, 0])
    rectified = Rectifier(cameras, 320, 240).calibration
    assert (rectified.focal, rectified.unit, rectified.rotation) == (195, "m", tuple(np.eye(3).ravel()))
    assert rectified.baseline == pytest.approx(0.1) and rectified.cx == pytest.approx(154.75)
    with pytest.raises(CalibrationError, match="to the left of camera 1"):
        read_calibration(paths[::-1])
    with pytest.raises(CalibrationError, match="has no matrix K1"):
        read_calibration(paths[:1])


def with_region(path: Path, text: str) -> Path:
    path.write_text(f"{path.read_text()}roi: {{{text}, do_rectify: false}}\n")
    return path


def test_camera_info_of_a_part_of_the_image(tmp_path: Path) -> None:
    for names in ("long", "short"):
        for region in ("x_offset: 0, y_offset: 0, height: 0, width: 0", "height: 480, width: 640"):
            sides = [camera_info(tmp_path, side, tx, names) for side, tx in (("left", 0.0), ("right", -39.0))]
            found = read_calibration([with_region(path, region) for path in sides])
            assert (found.cx, found.cy, found.size) == (310, 230, (640, 480))
        for region, told in (
            ("x_offset: 100, height: 480", "roi.x_offset is 100.0"),
            ("y_offset: 0, height: 200", "roi.height is 200.0"),
            ("width: [1, 2]", r"roi.width is \[1. 2.\]"),
        ):
            sides = [camera_info(tmp_path, side, tx, names) for side, tx in (("left", 0.0), ("right", -39.0))]
            with pytest.raises(CalibrationError, match=f"{told}: the images are a part of what the matrices are for"):
                read_calibration([with_region(path, region) for path in sides])


CAM = "  camera_model: pinhole\n  intrinsics: [400.0, 410.0, 320.0, 240.0]\n  resolution: [640, 480]\n"


def transform(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    return np.vstack([np.hstack([rotation, translation.reshape(3, 1)]), [0, 0, 0, 1]])


@pytest.mark.parametrize(("model", "lens"), [("radtan", "pinhole"), ("equidistant", "fisheye")])
def test_camchain_of_kalibr(tmp_path: Path, model: str, lens: str) -> None:
    cam = CAM + f"  distortion_model: {model}\n  distortion_coeffs: {FISHEYE}\n"
    text = f"cam0:\n{cam}cam1:\n{cam}  T_cn_cnm1: {transform(TURN, SHIFT).tolist()}\n"
    found = read_cameras(written(tmp_path, text))
    assert found.k1.tolist() == K and found.d1.tolist() == FISHEYE and (found.lens, found.unit) == (lens, "m")
    np.testing.assert_allclose(found.rotation, TURN)
    np.testing.assert_allclose(found.translation, SHIFT)
    assert found.size == (640, 480)
    without = text.replace("distortion_coeffs", "what_bends")
    assert getattr(read_cameras(written(tmp_path, without)).note, "code", "") == "no-distortion"


def test_transforms_to_a_body_and_of_orb_slam(tmp_path: Path) -> None:
    body = transform(cv2.Rodrigues(np.array([0.3, 0.2, -0.1]))[0], np.array([0.5, -0.2, 0.1]))
    right = body @ np.linalg.inv(transform(TURN, SHIFT))
    paths = []
    for number, matrix in enumerate((body, right)):
        text = f"distortion_model: radial-tangential\ndistortion_coefficients: {LENS[:4]}\n" + CAM.replace("  ", "")
        text += f"T_BS:\n  cols: 4\n  rows: 4\n  data: {matrix.ravel().tolist()}\n"
        paths.append(written(tmp_path, text, f"sensor{number}.yaml"))
    text = "%YAML:1.0\nCamera.type: PinHole\nCamera.width: 640\nCamera.height: 480\n"
    for number in (1, 2):
        values = zip(("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"), (400, 410, 320, 240, *LENS[:4]), strict=True)
        text += "".join(f"Camera{number}.{name}: {value}\n" for name, value in values)
    text += f"Stereo.T_c1_c2: {np.linalg.inv(transform(TURN, SHIFT)).tolist()}\n"
    for found in (read_cameras(paths), read_cameras(written(tmp_path, text, "orb.yaml"))):
        assert found.k2.tolist() == K and found.d1[:4].tolist() == LENS[:4] and found.size == (640, 480)
        np.testing.assert_allclose(found.rotation, TURN, atol=1e-12)
        np.testing.assert_allclose(found.translation, SHIFT, atol=1e-12)


def test_cameras_that_bring_their_rectification(tmp_path: Path) -> None:
    turns = [cv2.Rodrigues(np.array(vector))[0] for vector in ([0.02, 0.01, 0.0], [-0.01, 0.03, 0.02])]
    text = "%YAML:1.0\n"
    for side, tx, turn in zip(("LEFT", "RIGHT"), (0.0, -39.0), turns, strict=True):
        values = {"K": K, "D": LENS, "R": turn, "P": projection(tx), "width": 640, "height": 480}
        text += lines(**{f"{side}.{name}": value for name, value in values.items()})
    path = written(tmp_path, text)
    assert read_calibration(path).size == (640, 480)
    cameras = read_cameras(path)
    np.testing.assert_allclose(cameras.rotation, turns[1].T @ turns[0], atol=1e-12)
    rectifier = Rectifier(cameras, 640, 480)
    assert (rectifier.calibration.focal, rectifier.calibration.cx) == (390, 310)
    view = np.dstack([np.tile(np.arange(640) % 256, (480, 1))] * 3).astype(np.uint8)
    for number, found in enumerate(rectifier(view, view)):
        maps = cv2.initUndistortRectifyMap(
            np.array(K), np.array(LENS), turns[number], np.array(projection(0))[:, :3], (640, 480), cv2.CV_32FC1
        )
        assert np.array_equal(found, cv2.remap(view, *maps, cv2.INTER_LINEAR))


def test_one_camera_and_a_baseline(tmp_path: Path) -> None:
    text = "".join(
        f"Camera.{name}: {value}\n" for name, value in (("fx", 400.0), ("fy", 410.0), ("cx", 320), ("cy", 240))
    )
    found = read_calibration(written(tmp_path, f"%YAML:1.0\n{text}Camera.bf: 48.0\nCamera.k1: 0.0\n"))
    assert (found.focal, found.focal_y, found.cx, found.baseline, found.unit, found.note) == (
        400,
        410,
        320,
        0.12,
        "",
        "",
    )
    told = read_calibration(written(tmp_path, f"{text}baseline: 120\nunit: mm\nCamera.k1: -0.2\n"))
    assert (told.baseline, told.unit) == (120, "mm") and getattr(told.note, "code", "") == "taken-as-rectified"
    with pytest.raises(CalibrationError, match="unit is 'feet'; expected m or mm"):
        read_calibration(written(tmp_path, f"{text}baseline: 120\nunit: feet\n"))


def test_of_a_matrix_in_two_files_the_first_counts(tmp_path: Path) -> None:
    first = written(tmp_path, lines(K1=K, D1=LENS, T=SHIFT), "a.yaml")
    second = written(tmp_path, lines(K1=np.eye(3), K2=K, D2=NO_LENS, R=TURN, T=2 * SHIFT), "b.yaml")
    found = read_cameras([first, second])
    assert found.k1.tolist() == K and found.translation.tolist() == SHIFT.tolist()


def test_sizes_that_contradict_each_other(tmp_path: Path) -> None:
    text = lines(K1=K, K2=K, D1=LENS, D2=LENS, R=TURN, T=SHIFT)
    with pytest.raises(CalibrationError, match="320 x 240 and 640 x 480 pixels; expected one size"):
        read_cameras(written(tmp_path, text + "left: {width: 640, height: 480}\nright: {width: 320, height: 240}\n"))
