from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from vision.datasets.forgery.folders import detect_layout, list_samples


def make(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def table(samples) -> Counter[tuple[int, str]]:
    return Counter((sample.label, sample.source) for sample in samples)


def test_cnndetection_uses_the_generator_as_source_of_both_classes(tmp_path):
    make(
        tmp_path,
        *(
            f"progan/{kind}/{label}/{i}.png"
            for kind in ("car", "cat")
            for label in ("0_real", "1_fake")
            for i in (0, 1)
        ),
        *(f"stylegan/{label}/0.jpg" for label in ("0_real", "1_fake")),
        "progan/car/0_real/notes.txt",
    )
    assert detect_layout(str(tmp_path)) == "cnndetection"
    samples = list_samples(tmp_path)
    assert table(samples) == {(0, "progan"): 4, (1, "progan"): 4, (0, "stylegan"): 1, (1, "stylegan"): 1}
    assert table(list_samples(tmp_path, classes=["car"])) == {(0, "progan"): 2, (1, "progan"): 2}
    assert samples == list_samples(tmp_path, layout="cnndetection")


def test_train_is_a_split_only_beside_other_splits(tmp_path):
    make(
        tmp_path / "training",
        *(f"{split}/{kind}/1_fake/0.png" for split in ("train", "val") for kind in ("train", "car")),
    )
    samples = list_samples(tmp_path / "training", split="val")
    assert {(sample.split, sample.source) for sample in samples} == {("val", "train"), ("val", "car")}
    make(tmp_path / "progan", *(f"{kind}/{label}/0.png" for kind in ("train", "car") for label in ("0_real", "1_fake")))
    samples = list_samples(tmp_path / "progan")
    assert {sample.source for sample in samples} == {"train", "car"}
    assert {sample.split for sample in samples} == {""}


def test_a_set_above_its_generators_keeps_them_apart(tmp_path):
    make(tmp_path, "A/progan/car/0_real/0.png", "A/progan/car/1_fake/0.png", "B/biggan/cat/1_fake/0.png")
    assert table(list_samples(tmp_path)) == {(0, "A/progan"): 1, (1, "A/progan"): 1, (1, "B/biggan"): 1}


@pytest.mark.parametrize("middle", ["", "imagenet_ai_0419/"])
def test_genimage_with_and_without_the_upstream_nesting(tmp_path, middle):
    names = [f"{middle}{split}/{label}" for split in ("train", "val") for label in ("ai", "nature")]
    make(tmp_path, *(f"{generator}/{name}/0.png" for generator in ("ADM", "VQDM") for name in names))
    assert detect_layout(str(tmp_path)) == "genimage"
    assert table(list_samples(tmp_path)) == {(label, name): 2 for label in (0, 1) for name in ("ADM", "VQDM")}
    chosen = list_samples(tmp_path, split="val", include_sources=["VQDM"])
    assert [(sample.label, os.path.relpath(sample.path, tmp_path)) for sample in chosen] == [
        (1, f"VQDM/{middle}val/ai/0.png"),
        (0, f"VQDM/{middle}val/nature/0.png"),
    ]


def test_genimage_of_one_generator_is_named_after_the_root(tmp_path):
    make(tmp_path / "BigGAN", "train/ai/0.png", "train/nature/0.png")
    assert table(list_samples(tmp_path / "BigGAN")) == {(1, "BigGAN"): 1, (0, "BigGAN"): 1}


def test_diffusionforensics_takes_every_other_folder_as_a_generator(tmp_path):
    make(
        tmp_path,
        "train/imagenet/real/n01440764/0.png",
        "train/imagenet/real/n01443537/0.png",
        "train/imagenet/adm/0.png",
        "test/lsun_bedroom/real/0.png",
        "test/lsun_bedroom/adm/0.png",
        "test/lsun_bedroom/ldm/deep/er/0.png",
    )
    assert detect_layout(str(tmp_path)) == "diffusionforensics"
    assert table(list_samples(tmp_path)) == {
        (0, "imagenet"): 2,
        (1, "adm"): 2,
        (0, "lsun_bedroom"): 1,
        (1, "ldm"): 1,
    }
    test = list_samples(tmp_path, split="test", exclude_sources=["adm"])
    assert table(test) == {(0, "lsun_bedroom"): 1, (1, "ldm"): 1}
    assert {sample.category for sample in list_samples(tmp_path, classes=["imagenet"])} == {"imagenet"}


@pytest.mark.parametrize("names", [("0_real", "1_fake"), ("real", "fake"), ("REAL", "FAKE")])
def test_plain_root_is_named_after_its_folder(tmp_path, names):
    make(tmp_path / "photos", f"{names[0]}/a.PNG", f"{names[0]}/deep/b.webp", f"{names[1]}/c.jpeg")
    assert detect_layout(str(tmp_path / "photos")) == "plain"
    assert table(list_samples(tmp_path / "photos")) == {(0, "photos"): 2, (1, "photos"): 1}


def test_plain_layout_names_a_source_by_its_whole_path(tmp_path):
    make(tmp_path, "a/b/c/0_real/0.png", "a/b/1_fake/0.png")
    assert table(list_samples(tmp_path, layout="plain")) == {(0, "a/b/c"): 1, (1, "a/b"): 1}


def test_hidden_files_and_folders_and_links_in_a_circle_are_skipped(tmp_path):
    make(tmp_path, "a/0_real/0.png", "a/0_real/.1.png", "a/0_real/.thumbnails/2.png", ".git/1_fake/3.png")
    os.symlink(tmp_path / "a", tmp_path / "a/0_real/up")
    os.symlink(tmp_path, tmp_path / "a/round")
    assert [os.path.basename(sample.path) for sample in list_samples(tmp_path)] == ["0.png"]


def test_order_does_not_depend_on_the_file_system(tmp_path):
    make(tmp_path, *(f"a/1_fake/{i}.png" for i in (5, 1, 9, 3)), *(f"a/0_real/{i}.png" for i in (2, 0)))
    assert [os.path.relpath(sample.path, tmp_path / "a") for sample in list_samples(tmp_path)] == [
        *("0_real/0.png", "0_real/2.png"),
        *(f"1_fake/{i}.png" for i in (1, 3, 5, 9)),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"include_sources": ["gamma"]}, ["no source named 'gamma'", "alpha (1)", "beta (1)"]),
        ({"exclude_sources": ["gamma"]}, ["no source named 'gamma'", "alpha (1)"]),
        ({"exclude_sources": ["alpha", "beta"]}, ["leaves no image"]),
        ({"split": "val"}, ["no split folder named 'val'", "none"]),
        ({"classes": ["dog"]}, ["no class named 'dog'", "alpha (1)"]),
        ({"layout": "genimage"}, ["'genimage'", "{train,val}/{ai,nature}"]),
        ({"layout": "coco"}, ["unknown layout 'coco'", "cnndetection"]),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(tmp_path, arguments, words):
    make(tmp_path, "alpha/0_real/0.png", "beta/1_fake/0.png")
    with pytest.raises(ValueError) as caught:
        list_samples(tmp_path, **arguments)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_lone_string_is_no_list_of_names(tmp_path):
    make(tmp_path, "alpha/0_real/0.png")
    with pytest.raises(TypeError, match=r"write \['alpha'\]"):
        list_samples(tmp_path, include_sources="alpha")


def test_unusable_roots_are_named_with_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match="missing' is not a folder"):
        list_samples(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"no known layout.*cnndetection.*genimage.*diffusionforensics.*plain"):
        list_samples(make(tmp_path / "flat", "0.png"))
    with pytest.raises(ValueError, match="hold no image files"):
        list_samples(make(tmp_path / "texts", "0_real/readme.txt"))
