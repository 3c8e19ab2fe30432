"""Weights that others have published: where they are, how large, under what license. Data alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

CLASSIFICATION, DETECTION, SEGMENTATION = "classification", "detection", "segmentation"
STEREO, FLOW, VIDEO = "stereo", "flow", "video"

_NOTHING: Mapping[str, float] = MappingProxyType({})
_SITE = "https://shi-labs.com/projects/"
_HUB = "https://huggingface.co/"
# Their authors publish no sizes: 4 bytes per value of the model is what a file has at the least.
_BYTES_PER_VALUE = 4


class Published(NamedTuple):
    """One file of weights. A named tuple, as a dataclass would cost the command line 10 ms at every start.

    Attributes:
        name: what users call it: that of the model where it has one here.
        task: what its model does.
        url: where its authors publish it.
        file: its name in local folders.
        license: of the repository that publishes it.
        million_parameters: of its model, as published, or as counted where nothing is.
        figures: published accuracy of what is not in a table of models here.
        copy: the same weights on the Hugging Face hub, whose cache may have them: repository and file.
        bytes: exact size; None where none is published.
        sha256: as many hexadecimal digits of the digest as are published; "" for none.
    """

    name: str
    task: str
    url: str
    file: str
    license: str
    million_parameters: float
    figures: Mapping[str, float] = _NOTHING
    copy: tuple[str, str] | None = None
    bytes: int | None = None
    sha256: str = ""

    @property
    def about_bytes(self) -> int:
        """The exact size, or that of the model's values in single precision."""
        return self.bytes or round(self.million_parameters * 1e6) * _BYTES_PER_VALUE


def find_published(name: str) -> Published | None:
    """The weights of a name, or of a file's name, with or without its ending; None for what is not there."""
    row = PUBLISHED.get(name)
    if row is not None:
        return row
    return next((row for row in PUBLISHED.values() if name in (row.file, row.file.rpartition(".")[0])), None)


def _shi(
    name: str, task: str, path: str, millions: float, figures: Mapping[str, float] = _NOTHING, hub: str = ""
) -> Published:
    copy = (f"shi-labs/{hub}", "pytorch_model.bin") if hub else None
    return Published(name, task, _SITE + path, path.rpartition("/")[2], "MIT", millions, figures, copy)


def _on_hub(
    name: str, task: str, home: str, path: str, license: str, millions: float, figures: Mapping[str, float]
) -> Published:
    ending = path.rpartition(".")[2]
    # Their files are called as many others are; a local folder has them under what tells them apart.
    file = f"{name}.{ending}" if path.count("/") else path
    return Published(
        name, task, f"{_HUB}{home}/resolve/main/{path}", file, license, millions, figures, copy=(home, path)
    )


def _classifiers() -> Iterator[Published]:
    for size, millions in (("mini", 19.98), ("tiny", 27.90), ("small", 50.74), ("base", 89.77)):
        path, hub = f"nat/checkpoints/CLS/nat_{size}.pth", f"nat-{size}-in1k-224"
        yield _shi(f"nat_{size}", CLASSIFICATION, path, millions, hub=hub)
    dinat = {
        "mini": ("1k/dinat_mini_in1k_224", 19.98, "mini-in1k-224"),
        "tiny": ("1k/dinat_tiny_in1k_224", 27.90, "tiny-in1k-224"),
        "small": ("1k/dinat_small_in1k_224", 50.72, "small-in1k-224"),
        "base": ("1k/dinat_base_in1k_224", 89.77, "base-in1k-224"),
        "large": ("1k/dinat_large_in22k_in1k_224", 200.94, "large-in22k-in1k-224"),
        "large_384": ("1k/dinat_large_in22k_in1k_384", 200.94, "large-in22k-in1k-384"),
        "large_384_11x11": ("1k/dinat_large_in22k_in1k_384_11x11", 201.14, "large-11x11-in22k-in1k-384"),
        "large_21k": ("22k/dinat_large_in22k_224", 232.98, ""),
        "large_21k_11x11": ("22k/dinat_large_in22k_224_11x11interp", 233.18, ""),
        "s_tiny": ("1k/dinat_s_tiny_in1k_224", 28.29, ""),
        "s_small": ("1k/dinat_s_small_in1k_224", 49.61, ""),
        "s_base": ("1k/dinat_s_base_in1k_224", 87.77, ""),
        "s_large": ("1k/dinat_s_large_in1k_224", 196.53, ""),
        "s_large_384": ("1k/dinat_s_large_in1k_384", 196.53, ""),
        "s_large_21k": ("22k/dinat_s_large_in22k_224", 228.57, ""),
    }
    for name, (file, millions, hub) in dinat.items():
        path = f"dinat/checkpoints/imagenet{file}.pth"
        yield _shi(f"dinat_{name}", CLASSIFICATION, path, millions, hub=hub and f"dinat-{hub}")


def _detectors() -> Iterator[Published]:
    """Of COCO: million parameters, AP of boxes, AP of masks."""
    for network, family, sizes in (
        ("maskrcnn", "nat", {"mini": (40, 46.5, 41.7), "tiny": (48, 47.7, 42.6), "small": (70, 48.4, 43.2)}),
        (
            "cascademaskrcnn",
            "nat",
            {
                "mini": (77, 50.3, 43.6),
                "tiny": (85, 51.4, 44.5),
                "small": (108, 52.0, 44.9),
                "base": (147, 52.3, 45.1),
            },
        ),
        (
            "maskrcnn",
            "dinat",
            {
                "mini": (40, 47.2, 42.5),
                "tiny": (48, 48.6, 43.5),
                "small": (70, 49.3, 44.0),
                "s_tiny": (48, 46.6, 42.1),
                "s_small": (69, 48.6, 43.5),
            },
        ),
        (
            "cascadedmaskrcnn",
            "dinat",
            {
                "mini": (77, 51.2, 44.4),
                "tiny": (85, 52.2, 45.1),
                "small": (108, 52.9, 45.8),
                "base": (147, 53.4, 46.2),
                "large": (258, 55.3, 47.8),
                "s_tiny": (86, 51.0, 44.1),
                "s_small": (107, 52.3, 45.2),
                "s_base": (145, 52.6, 45.3),
                "s_large": (253, 54.8, 47.2),
            },
        ),
    ):
        for size, (millions, box, mask) in sizes.items():
            name = f"nat_{size}_{network}" if family == "nat" else f"{network}_dinat_{size}"
            path = f"nat/checkpoints/DET/{name}.pth" if family == "nat" else f"dinat/checkpoints/coco/{name}.pth"
            yield _shi(name, DETECTION, path, millions, {"coco_box_ap": box, "coco_mask_ap": mask})


def _segmentors() -> Iterator[Published]:
    """UPerNet of ADE20K: million parameters, mIoU at one scale, at several; then Mask2Former."""
    nat = {"mini": (50, 45.1, 46.4), "tiny": (58, 47.1, 48.4), "small": (82, 48.0, 49.5), "base": (123, 48.5, 49.7)}
    dinat = {
        "mini": (50, 45.8, 47.2),
        "tiny": (58, 47.8, 48.8),
        "small": (82, 48.9, 49.9),
        "base": (123, 49.6, 50.4),
        "large": (238, 54.0, 54.9),
        "s_tiny": (60, 46.0, 47.4),
        "s_small": (81, 48.6, 49.9),
        "s_base": (121, 49.4, 50.2),
        "s_large": (234, 53.4, 54.6),
    }
    paths = {f"nat/checkpoints/SEG/nat_{size}_upernet": values for size, values in nat.items()}
    paths.update({f"dinat/checkpoints/ade20k/upernet_dinat_{size}": values for size, values in dinat.items()})
    for path, (millions, single, several) in paths.items():
        figures = {"ade20k_miou": single, "ade20k_miou_multi_scale": several}
        yield _shi(path.rpartition("/")[2], SEGMENTATION, f"{path}.pth", millions, figures)
    for task, figure, values in (
        ("instance", "ap", {"coco": 50.8, "ade20k": 35.4, "cityscapes": 45.1}),
        ("semantic", "miou_multi_scale", {"ade20k": 58.1, "cityscapes": 84.5}),
        ("panoptic", "pq", {"coco": 58.5, "ade20k": 49.4, "cityscapes": 67.2}),
    ):
        for data, value in values.items():
            name = f"mask2former_dinat_large_{data}_{task}"
            path = f"dinat/checkpoints/m2f/{name}.pth"
            yield _shi(name, SEGMENTATION, path, 220, {f"{data}_{figure}": value})


def _others() -> Iterator[Published]:
    """What is read here, but was trained by others than NAT's authors."""
    home, license = "Tingman/MatchAttention", "GPL-3.0"
    base = {"middlebury_bad_2": 1.85, "middlebury_epe": 0.73, "eth3d_bad_1": 0.70, "kitti2015_d1": 1.50}
    yield _on_hub("match_stereo_tiny", STEREO, home, "matchstereo_tiny_fsd.pth", license, 8.78, _NOTHING)
    yield _on_hub("match_stereo_small", STEREO, home, "matchstereo_small_fsd.pth", license, 25.2, _NOTHING)
    yield _on_hub("match_stereo_base", STEREO, home, "matchstereo_base_fsd.pth", license, 75.5, base)
    yield _on_hub("match_flow_base", FLOW, home, "matchflow_base_sintel.pth", license, 75.5, _NOTHING)
    mamba = "work_dirs/mamba_r101_dc5_6x/epoch_6_model.pth"
    figures = {"imagenet_vid_ap50": 83.8}
    yield _on_hub("mamba_r101_dc5_6x", VIDEO, "guanxiongsun/vfe.pytorch", mamba, "Apache-2.0", 89.62, figures)


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {row.name: row for rows in (_classifiers(), _detectors(), _segmentors(), _others()) for row in rows}
)
