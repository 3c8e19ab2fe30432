"""Texts of calibrations: read as cv2.FileStorage reads what it writes; what would harm a parser is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vision.geometry import CalibrationError, read_calibration, read_cameras
from vision.geometry.documents import MAX_DEPTH, parse_document
from vision.geometry.opencv_matrix import is_matrix, matrix_of

ARRAYS = {
    "doubles": np.array([[1.5, -2, 3e-9], [4, 5e300, 6]]),
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3) / 3,
    "bytes": np.arange(4, dtype=np.uint8).reshape(2, 2),
    "ints": np.array([[-3, 70_000]], np.int32),
    "channels": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "many": np.linspace(0, 1, 60).reshape(20, 3),
    "vector": np.array([0.25, 0.5, 0.75]),
}
HEADER = "%YAML:1.0\n---\n"


@pytest.mark.parametrize("flags", [0, cv2.FILE_STORAGE_BASE64], ids=["plain", "base64"])
@pytest.mark.parametrize("suffix", ["yml", "xml", "json"])
def test_values_are_those_that_opencv_reads(tmp_path: Path, suffix: str, flags: int) -> None:
    path = tmp_path / f"all.{suffix}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE | flags)
    for name, array in ARRAYS.items():
        storage.write(name, array)
    storage.write("number", 640)
    storage.write("fraction", -0.25)
    storage.write("text", "plumb_bob")
    storage.write("texts", ["a", "b"])
    storage.startWriteStruct("inner", cv2.FileNode_MAP)
    storage.write("deep", 1.25)
    storage.endWriteStruct()
    storage.startWriteStruct("list", cv2.FileNode_SEQ | cv2.FileNode_FLOW)
    for number in range(3):
        storage.write("", float(number))
    storage.endWriteStruct()
    storage.release()
    tree = parse_document(str(path), path.read_text())
    assert tree is not None
    back = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    for name in ARRAYS:
        found, expected = matrix_of("file", name, tree[name]), back.getNode(name).mat()
        assert np.array_equal(found.ravel().astype(expected.dtype), expected.ravel()), name
    assert matrix_of("file", "channels", tree["channels"]).shape == (1, 2, 3)
    rest = {name: value for name, value in tree.items() if not is_matrix(value)}
    assert rest == {
        "number": 640,
        "fraction": -0.25,
        "text": "plumb_bob",
        "texts": ["a", "b"],
        "inner": {"deep": 1.25},
        "list": [0, 1, 2],
    }


def test_yaml_as_people_and_libraries_write_it() -> None:
    text = (
        "# hand\nleft: &cam {f: 1.5e2, ok: true, none: ~, name: '12'}\nright: *cam\nsize: !!python/tuple [640, 480]\n"
        "bad: .nan\nfar: -.Inf\nmore:\n  <<: *cam\n  f: 2\n"
    )
    tree = parse_document("file", text)
    assert tree is not None
    assert tree["left"] == tree["right"] == {"f": 150, "ok": True, "none": None, "name": "12"}
    assert tree["size"] == [640, 480] and np.isnan(tree["bad"]) and tree["far"] == -np.inf
    assert tree["more"] == {"f": 2, "ok": True, "none": None, "name": "12"}
    tight = parse_document("file", f"{HEADER}D: !!opencv-matrix\n   rows:1\n   cols:2\n   dt:d\n   data:[-0.3, .1]\n")
    assert tight is not None and matrix_of("file", "D", tight["D"]).tolist() == [[-0.3, 0.1]]
    assert parse_document("file", "---\na: 1\n---\nb: 2\n") == {"a": 1, "b": 2}


def test_what_is_no_calibration_is_not_called_damaged() -> None:
    assert parse_document("file", "hello") is None
    assert parse_document("file", "a: b: c: [") is None


DEEP = MAX_DEPTH + 2
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"<opencv_storage><!-- {'</a>' * 60_000} -->{'<a>' * 60_000}1</opencv_storage>", "levels deep"),
        (HEADER + "a: " + "[" * DEEP + "1" + "]" * DEEP, "levels deep"),
        (HEADER + "- " * 400_000, "levels deep"),
        (HEADER + "# " + "]" * 400_000 + "\na: " + "[" * 400_000, "damaged YAML"),
        ('{"a": ' + "[" * DEEP + "1" + "]" * DEEP + "}", "levels deep"),
        ('{"a": ' * 150_000, "levels deep"),
        (HEADER + "K1: !!binary |\n  AAAAAAAAAAAAAAAAAOCFQAAAAAAAAG5AAAAAAAAAAAAAAAAAAAAAAAAA", "damaged base64"),
        (HEADER + "K1: !!binary |\n  MWQgICAgICAgICAgICAgICAgICAgICAgAAAA", "damaged base64"),
        ('{"K1": "$base64$MWQgICAg*"}', "damaged base64"),
        (HEADER + BOMB, "more than 100,000 values"),
        (HEADER + "a: [" + "1," * 200_000 + "1]", "more than 100,000 values"),
        ("<opencv_storage><a>" + "1 " * 200_000 + "</a></opencv_storage>", "more than 100,000 values"),
        ("<opencv_storage>" + "".join(f"<a{i}/>" for i in range(20_000)) + "<b/><b/></opencv_storage>", "there twice"),
        ("{" + "".join(f'"a{i}": 1, ' for i in range(60_000)) + '"b": 1, "b": 2}', "there twice"),
        (HEADER + "a: &a [*a]\n", "refers to nothing"),
        (HEADER + "D1: *lens\n", "refers to nothing"),
        (HEADER + "K1: 1\nK1: 2\n", "there twice"),
        (HEADER + "a: !!python/object/apply:os.system [touch]\n", "which is not read"),
        (HEADER + "? [a]\n: 1\n", "a name is no text"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><opencv_storage><a>&a;</a></opencv_storage>', "XML with a DTD"),
        ("<opencv_storage><a", "damaged XML"),
        ("{'a': 1}", "damaged JSON"),
        (HEADER + "- 1\n", "holds a list"),
    ],
)  # fmt: skip
def test_texts_that_would_harm_a_parser(text: str, message: str) -> None:
    with pytest.raises(CalibrationError, match=message) as caught:
        parse_document("file", text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("sides", [(".NaN", "3"), (".Inf", "3"), ("-1", "3"), ("x", "3"), ("1.5", "2"), ("3", "1e300")])
def test_sides_of_a_matrix(tmp_path: Path, sides: tuple[str, str]) -> None:
    path = tmp_path / "c.yml"
    path.write_text(
        f"{HEADER}K1: !!opencv-matrix\n  rows: {sides[0]}\n  cols: {sides[1]}\n  dt: d\n  data: [1., 0., 1.]\n"
    )
    with pytest.raises(CalibrationError, match=r"K1 (has the sides|holds|says)"):
        read_calibration(path)


def test_empty_lines_and_lines_that_swallow_others(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_text("P0" + "\n" * 400_000 + "x")
    with pytest.raises(CalibrationError, match="unknown kind"):
        read_calibration(path)
    path.write_text("doffs=\ncam0=[1 0 1; 0 1 1; 0 0 1]\nbaseline=1\n")
    with pytest.raises(CalibrationError, match="doffs holds ''"):
        read_calibration(path)


def npz(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.npy", data)
    return path


def npy(array: Any, **changes: str) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    data = file.getvalue()
    for old, new in changes.values():
        data = data.replace(old.encode(), new.encode())
    return data


def test_arrays_of_numpy(tmp_path: Path) -> None:
    k = np.array([[400.0, 0, 320], [0, 410, 240], [0, 0, 1]])
    values = {"K1": k, "K2": np.asfortranarray(k), "D1": np.array([-0.3, 0.1, 0, 0], np.float32), "D2": np.zeros(4)}
    np.savez_compressed(
        tmp_path / "a.npz", **values, R=np.eye(3), T=np.array([[-2], [0], [0]]), lens="pinhole", width=640
    )
    found = read_cameras(tmp_path / "a.npz")
    assert np.array_equal(found.k1, k) and np.array_equal(found.k2, k) and found.translation.tolist() == [-2, 0, 0]
    np.testing.assert_allclose(found.d1, [-0.3, 0.1, 0, 0], rtol=1e-6)


def test_archives_that_would_harm_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    good = npy(np.eye(3))
    hostile = {
        "an array of type object": {"K1": npy(np.array([{}, None]))},
        "an array is cut off": {"K1": good.replace(b"(3, 3), }", b"(3, 4), }")},
        "more than the arrays": {"K1": b"\0" * (2 << 20)},
        "damaged npz": {"K1": b"\x93NUMPY\x01\x00"},
    }
    for message, files in hostile.items():
        with pytest.raises(CalibrationError, match=message):
            read_cameras(npz(path, **files))
    path.write_bytes(npz(path, K1=good).read_bytes()[:-30])
    with pytest.raises(CalibrationError, match="damaged npz"):
        read_cameras(path)
