"""The converters' tools on small trees; what they write is read back by CocoVID's reader."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.datasets.video.coco_vid_file import read_coco_vid

TOOLS = Path(__file__).resolve().parents[4] / "tools/dataset_converters"
Capture = pytest.CaptureFixture[str]
Convert = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Runs a tool in this process; returns its exit code and what it wrote."""

    def run(tool: str, *arguments: object) -> tuple[int, dict[str, Any]]:
        out = tmp_path / "out.json"
        root, *others = map(str, arguments)
        main = runpy.run_path(str(TOOLS / f"{tool}.py"))["main"]
        try:
            code = main([root, str(out), *others])
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
        return code, json.loads(out.read_text()) if out.is_file() else {}

    return run


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def image(path: Path, width: int = 64, height: int = 48, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path, **options)


def xml(*objects: str, size: bool = True, name: str = "") -> str:
    about = "<size><width>64</width><height>48</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>{name}</filename>{about}{''.join(objects)}</annotation>"


def thing(name: str, x1: float, y1: float, x2: float, y2: float, more: str = "") -> str:
    box = f"<bndbox><xmax>{x2}</xmax><xmin>{x1}</xmin><ymax>{y2}</ymax><ymin>{y1}</ymin></bndbox>"
    return f"<object>{more}<name>{name}</name>{box}</object>"


def by_file(content: dict[str, Any]) -> dict[str, list[list[float]]]:
    names = {one["id"]: one["file_name"] for one in content["images"]}
    found: dict[str, list[list[float]]] = {name: [] for name in names.values()}
    for one in content["annotations"]:
        found[names[one["image_id"]]].append(one["bbox"])
    return found


CAR, DOG = "n02958343", "n02084071"


def vid_tree(root: Path) -> None:
    folder = root / "Annotations/VID"
    for number in range(12):  # 10 and 11 after 9
        track = "<trackid>0</trackid>"
        more = f"{track}<occluded>{int(number == 3)}</occluded><generated>{int(number == 4)}</generated>"
        objects = [thing(CAR, number, 5, number + 20, 25, more), thing("n00000001", 1, 1, 9, 9, track)]
        if number < 2:
            objects.append(thing(DOG, 30, 30, 40, 40, track))
        write(folder / f"train/ILSVRC2015_VID_train_0000/a/{number:06}.xml", xml(*objects))
    for number in range(2):
        write(folder / f"train/ILSVRC2015_VID_train_0000/b/{number:06}.xml", xml(thing(CAR, 1, 1, 9, 9)))
        write(folder / f"val/c/{number:06}.xml", xml())
        write(folder / f"val/d/{number:06}.xml", xml(thing(DOG, 1, 1, 9, 9, "<trackid>1</trackid>")))
    lines = "".join(f"train/ILSVRC2015_VID_train_0000/a 1 {number} 12\n" for number in (2, 10))
    write(root / "Lists/VID_train_15frames.txt", lines)
    write(root / "ImageSets/VID/VID_val_videos.txt", "val/d 1 0 2\nval/c 2 2 2\n")


def test_imagenet_vid(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    vid_tree(tmp_path / "ILSVRC")
    code, content = convert("imagenet_vid", tmp_path / "ILSVRC")
    assert code == 0 and "1 videos, 12 images, 14 boxes, 30 classes" in capsys.readouterr().out
    name = "train/ILSVRC2015_VID_train_0000/a"
    assert content["videos"] == [{"id": 1, "name": name, "vid_train_frames": [2, 10]}]
    assert content["categories"][6] == {"id": 7, "name": "car"}
    assert content["images"][10] == {
        "id": 11, "video_id": 1, "frame_id": 10, "file_name": f"{name}/000010.JPEG", "height": 48, "width": 64,
        "is_vid_train_frame": True,
    }  # fmt: skip
    assert [one["is_vid_train_frame"] for one in content["images"]] == [number in (2, 10) for number in range(12)]
    first, dog, second = content["annotations"][:3]
    assert first == {
        "id": 1, "video_id": 1, "image_id": 1, "category_id": 7, "instance_id": 1, "bbox": [0, 5, 20, 20], "area": 400,
        "iscrowd": 0, "occluded": False, "generated": False,
    }  # fmt: skip
    # Of two classes, and so two objects, though the number is the same.
    assert (dog["category_id"], dog["instance_id"], second["instance_id"]) == (9, 2, 1)
    cars = [one for one in content["annotations"] if one["category_id"] == 7]
    assert [one["occluded"] for one in cars].index(True) == 3 and [one["generated"] for one in cars].index(True) == 4


def test_imagenet_vid_says_which_frames_are_missing(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    vid_tree(tmp_path)
    for number in (5, 6, 10):
        (tmp_path / f"Annotations/VID/train/ILSVRC2015_VID_train_0000/a/{number:06d}.xml").unlink()
    code, content = convert("imagenet_vid", tmp_path)
    said = capsys.readouterr().err
    assert code == 0 and content["videos"][0]["vid_train_frames"] == [2]
    assert "3 frames are missing between others, such as frame 5 of train/ILSVRC2015_VID_train_0000/a" in said
    assert "1 frames are marked for training and are not there, such as frame 10 of train/" in said


def test_imagenet_vid_validation_keeps_the_order_of_the_list(tmp_path: Path, convert: Convert) -> None:
    vid_tree(tmp_path)
    code, content = convert("imagenet_vid", tmp_path, "--split", "val")
    assert code == 0 and [video["name"] for video in content["videos"]] == ["val/d", "val/c"]
    assert "vid_train_frames" not in content["videos"][0] and len(content["images"]) == 4


def test_imagenet_vid_without_a_list_is_all(tmp_path: Path, convert: Convert) -> None:
    vid_tree(tmp_path)
    (tmp_path / "Lists/VID_train_15frames.txt").unlink()
    code, content = convert("imagenet_vid", tmp_path)
    assert code == 0 and [video["name"][-2:] for video in content["videos"]] == ["/a", "/b"]
    assert all(one["is_vid_train_frame"] for one in content["images"])
    # Without trackid each box is an object of its own.
    assert [one["instance_id"] for one in content["annotations"]][-2:] == [3, 4]


def test_broken_files_are_told_and_left_out(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    vid_tree(tmp_path)
    folder = tmp_path / "Annotations/VID/train/ILSVRC2015_VID_train_0000/a"
    broken = {
        1: "<annotation><size>",
        2: '<!DOCTYPE a [<!ENTITY e "x">]>' + xml(),
        3: xml(size=False),
        4: xml(thing(CAR, 1, 1, float("nan"), 9)),
        5: "<svg/>",
        6: xml("<object><name>n1</name></object>"),
    }
    for number, text in broken.items():
        write(folder / f"{number:06}.xml", text)
    write(folder / "000007.xml", xml(thing(CAR, 5, 5, 5, 9), thing(CAR, 90, 5, 99, 9)))
    code, content = convert("imagenet_vid", tmp_path)
    err = capsys.readouterr().err
    assert code == 1 and [one["frame_id"] for one in content["images"]] == [0, 7, 8, 9, 10, 11]
    assert content["videos"][0]["vid_train_frames"] == [10]
    for words in ("is no XML", "DTD", "does not say the size", "no bndbox of four numbers", "begins with <svg>"):
        assert words in err
    assert err.count("left out: ") == len(broken)
    assert "sides of less than a pixel" in err and "outside of their frame" in err
    assert by_file(content)["train/ILSVRC2015_VID_train_0000/a/000007.JPEG"] == []


def test_imagenet_det(tmp_path: Path, convert: Convert) -> None:
    folder = tmp_path / "Annotations/DET/train"
    write(folder / "ILSVRC2013_train/n1/n1_2.xml", xml(thing(DOG, 1, 2, 31, 42), thing("n1", 3, 3, 9, 9)))
    write(folder / "ILSVRC2014_train_0000/x.xml", xml(thing("n1", 1, 1, 9, 9)))
    write(folder / "ILSVRC2014_train_0000/y.xml", xml(thing(CAR, 1, 1, 9, 9)))
    code, content = convert("imagenet_det", tmp_path)
    assert code == 0 and by_file(content) == {
        "train/ILSVRC2013_train/n1/n1_2.JPEG": [[1, 2, 30, 40]],
        "train/ILSVRC2014_train_0000/y.JPEG": [[1, 1, 8, 8]],
    }
    assert content["videos"][0]["name"] == "train/ILSVRC2013_train/n1/n1_2"
    assert all(one["is_vid_train_frame"] for one in content["images"])
    write(tmp_path / "Lists/DET_train_30classes.txt", "train/ILSVRC2014_train_0000/x 1\n")
    code, content = convert("imagenet_det", tmp_path, "--overwrite", "--others", "other")
    assert code == 0 and content["categories"][-1] == {"id": 31, "name": "other"}
    assert by_file(content) == {"train/ILSVRC2014_train_0000/x.JPEG": [[1, 1, 8, 8]]}
    write(tmp_path / "Lists/DET_train_30classes.txt", "../../etc/passwd 1\n")
    assert convert("imagenet_det", tmp_path, "--overwrite")[0] == 2


def test_mot(tmp_path: Path, convert: Convert) -> None:
    for number in range(9, 12):
        image(tmp_path / f"MOT/S-2/img1/{number - 8:06}.jpg")
        image(tmp_path / f"MOT/S-10/img1/{number - 8}.jpg")
    lines = ["1,1,1,1,10,20,1,1,1", "3,1,5.5,2,10,20,1,1,0.4", "2,7,11,12,10,20,1,7,1", "2,3,2,2,10,20,0,1,1"]
    write(tmp_path / "MOT/S-2/gt/gt.txt", "\n".join([*lines, "2,4,2,2,10,20,1,3,1"]))
    # As TUD-Stadtmitte: a file beside the frames, places in the world instead of classes.
    write(tmp_path / "MOT/S-10/gt.txt", "2,0,88,99,1,1,1,4.4852,5.5016,0\n2,0,31,21,30,20,1,4.4852,5.5016,0\n")
    code, content = convert("mot", tmp_path / "MOT")
    assert code == 0 and [video["name"] for video in content["videos"]] == ["S-2", "S-10"]
    assert [one["frame_id"] for one in content["images"]] == [0, 1, 2, 0, 1, 2]
    assert content["categories"] == [{"id": 1, "name": "pedestrian"}]
    boxes = by_file(content)
    assert boxes["S-2/img1/000001.jpg"] == [[0, 0, 10, 20]]  # pixel 1 is at 0
    assert boxes["S-2/img1/000003.jpg"] == [[4.5, 1, 10, 20]]
    assert sorted(boxes["S-2/img1/000002.jpg"]) == [[1, 1, 10, 20], [10, 11, 10, 20]]  # and no car
    assert boxes["S-10/img1/2.jpg"] == [[30, 20, 30, 20]]
    crowds = [one["bbox"] for one in content["annotations"] if one["iscrowd"]]
    assert sorted(crowds) == [[1, 1, 10, 20], [10, 11, 10, 20]]
    walker = [one["instance_id"] for one in content["annotations"] if one["bbox"] in ([0, 0, 10, 20], [4.5, 1, 10, 20])]
    assert len(walker) == 2 and len(set(walker)) == 1


def test_mot_with_other_classes_and_a_broken_sequence(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    for name in ("a", "b"):
        image(tmp_path / f"MOT/{name}/img1/1.jpg")
    write(tmp_path / "MOT/a/gt/gt.txt", "1,1,5,5,10,10,1,3,1\n1,2,25,5,10,10,1,7,0.2\n")
    write(tmp_path / "MOT/b/gt/gt.txt", "1,1,five\n")
    code, content = convert("mot", tmp_path / "MOT", "--classes", "car=3", "person=1,7", "--min-visibility", "0.3")
    assert code == 1 and "b/gt/gt.txt, line 1" in capsys.readouterr().err
    assert [category["name"] for category in content["categories"]] == ["car", "person"]
    assert [(one["category_id"], one["iscrowd"]) for one in content["annotations"]] == [(1, 0), (2, 1)]
    assert convert("mot", tmp_path / "MOT", "--classes", "car=x")[0] == 2


def test_pascal_voc(tmp_path: Path, convert: Convert) -> None:
    image(tmp_path / "VOC/JPEGImages/1.jpg")
    write(tmp_path / "VOC/Annotations/1.xml", xml(thing("dog", 1, 1, 64, 48), thing("cat", 3, 4, 3, 4), name="1.jpg"))
    write(tmp_path / "VOC/Annotations/10.xml", xml(thing("dog", 2, 2, 5, 6, "<difficult>1</difficult>"), name="10.png"))
    write(tmp_path / "VOC/Annotations/9.xml", xml(name="9.jpg"))
    code, content = convert("pascal_voc", tmp_path / "VOC")
    assert code == 0 and [one["name"] for one in content["categories"]] == ["cat", "dog"]
    assert by_file(content) == {"1.jpg": [[0, 0, 64, 48], [2, 3, 1, 1]], "9.jpg": [], "10.png": [[1, 1, 4, 5]]}
    assert [one["iscrowd"] for one in content["annotations"]] == [0, 0, 1]
    assert [video["name"] for video in content["videos"]] == ["1", "9", "10"]
    assert [one["frame_id"] for one in content["images"]] == [0, 0, 0]


def labelme(*shapes: dict[str, Any], path: str, **more: Any) -> str:
    content = {"shapes": list(shapes), "imagePath": path, "imageData": None, "imageHeight": 48, "imageWidth": 64}
    return json.dumps(content | more)


def shape(label: str, *points: tuple[float, float], group: Any = None, kind: str = "rectangle") -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, "flags": {}}


def test_labelme_frames_of_videos(tmp_path: Path, convert: Convert) -> None:
    root = tmp_path / "clips"
    for number in (2, 10, 1):
        image(root / f"park/{number}.png")
        write(
            root / f"park/{number}.json", labelme(shape("person", (10, 20), (number, 5), group=4), path=f"{number}.png")
        )
    # From another machine, with a path of Windows; outlines and circles have boxes, too.
    image(root / "street/a.png")
    shapes = (shape("person", (1, 2), (9, 3), (4, 30), kind="polygon"), shape("car", (20, 20), (20, 25), kind="circle"))
    write(root / "street/a.json", labelme(*shapes, path="C:\\Users\\me\\a.png"))
    code, content = convert("labelme", root, "--videos", "--classes", "person", "car", "dog")
    assert code == 0 and [video["name"] for video in content["videos"]] == ["park", "street"]
    assert [one["name"] for one in content["categories"]] == ["person", "car", "dog"]
    assert list(by_file(content).items()) == [
        ("park/1.png", [[1, 5, 9, 15]]),
        ("park/2.png", [[2, 5, 8, 15]]),
        ("park/10.png", []),  # without a width
        ("street/a.png", [[1, 2, 8, 28], [15, 15, 10, 10]]),
    ]
    assert [one["instance_id"] for one in content["annotations"]] == [1, 1, 2, 3]
    assert [one["video_id"] for one in content["images"]] == [1, 1, 1, 2]
    assert [one["frame_id"] for one in content["images"]] == [0, 1, 2, 0]
    write(root / "park/2.json", "{}")  # leaves a gap
    assert [one["frame_id"] for one in convert("labelme", root, "--videos", "--overwrite")[1]["images"]] == [0, 2, 0]


def test_labelme_says_what_is_wrong(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    root = tmp_path / "in"
    good = shape("person", (1, 1), (9, 9))
    turned = Image.Exif()
    turned[0x0112] = 6
    image(root / "a.jpg", 64, 48, exif=turned)  # shown as 48 x 64
    write(root / "a.json", labelme(good, path="a.jpg", imageHeight=64, imageWidth=48))
    image(root / "b.jpg", 32, 32)
    write(root / "b.json", labelme(good, path="b.jpg"))
    write(root / "c.json", "[" * 100_000)
    write(root / "d.json", "{}")
    write(root / "e.json", labelme(shape("person", (1, float("nan")), (2, 2)), path="e.jpg"))
    write(root / "f.json", labelme(shape("nose", (1, 1), kind="point"), path="f.jpg"))
    write(root / "g.json", labelme(good, path="g.jpg", imageHeight=None))
    (root / "h.json").mkdir()
    code, content = convert("labelme", root)
    err = capsys.readouterr().err
    assert code == 1 and by_file(content) == {"a.jpg": [[1, 1, 8, 8]]}
    assert (content["images"][0]["height"], content["images"][0]["width"]) == (64, 48)
    for words in (
        "is about an image of (48, 64) (height, width)", "is no JSON", "no list 'shapes'", "no points [x, y]",
        "is a point; expected a rectangle", "does not say the size of its image", "h.json: ",
    ):  # fmt: skip
        assert words in err, words


def test_what_is_written_is_what_the_data_set_reads(tmp_path: Path, convert: Convert) -> None:
    vid_tree(tmp_path)
    convert("imagenet_vid", tmp_path)
    videos, classes = read_coco_vid(tmp_path / "out.json", "Data/VID", ("dog", "car"))
    assert classes == ("dog", "car") and [video["video_length"] for video in videos] == [12]
    frames = videos[0]["images"]
    assert frames[3]["instances"] == [
        {"bbox": [3.0, 5.0, 23.0, 25.0], "bbox_label": 1, "instance_id": frames[0]["instances"][0]["instance_id"],
         "ignore_flag": 0}
    ]  # fmt: skip
    assert [frame["is_train_frame"] for frame in frames] == [number in (2, 10) for number in range(12)]
    assert frames[2]["img_path"] == "Data/VID/train/ILSVRC2015_VID_train_0000/a/000002.JPEG"


def test_nothing_is_overwritten_unless_that_is_asked_for(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    write(tmp_path / "in/1.xml", xml(thing("dog", 1, 1, 9, 9), name="1.jpg"))
    write(tmp_path / "out.json", '"mine"')
    assert convert("pascal_voc", tmp_path / "in") == (2, "mine")
    assert "--overwrite" in capsys.readouterr().err
    assert convert("pascal_voc", tmp_path / "in", "--overwrite")[0] == 0


@pytest.mark.parametrize("tool", ["imagenet_vid", "imagenet_det", "mot", "pascal_voc", "labelme"])
def test_folders_without_annotations_are_an_error(tool: str, tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    for root in (tmp_path / "in", tmp_path / "missing"):
        assert convert(tool, root) == (2, {})
        assert str(root) in capsys.readouterr().err
    assert list((tmp_path / "in").iterdir()) == []


def test_no_box_of_the_classes_is_an_error(tmp_path: Path, convert: Convert, capsys: Capture) -> None:
    write(tmp_path / "in/1.xml", xml(thing("dog", 1, 1, 9, 9), name="1.jpg"))
    assert convert("pascal_voc", tmp_path / "in", "--classes", "cat") == (2, {})
    assert "1 images without a box of cat; expected some (classes that are there: dog)" in capsys.readouterr().err
