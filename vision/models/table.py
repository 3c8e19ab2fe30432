"""The table of models: one row says all that the suite knows of a model, in the spirit of timm's `pretrained_cfg`.

Command line, export, inferencers and docs read it. It is imported without torch: builders import when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from vision.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_DIR = Path(__file__).resolve().parent.parent / "weights"

FORGERY, STEREO, FLOW, VIDEO = "forgery", "stereo", "flow", "video"

_NOTHING: Mapping[str, Any] = MappingProxyType({})

Builder = Callable[[str, "str | Path | None"], "nn.Module"]


class ModelRow(NamedTuple):
    """One model. A named tuple, as a dataclass would cost the command line 10 ms at every start.

    Attributes:
        name: what users call it.
        task: "forgery", "stereo", "flow" or "video".
        builder: name and checkpoint (None for the shipped weights) -> network in eval mode.
        variant: name of its architecture within the family.
        parameters: trained values.
        weights: file in `WEIGHTS_DIR`, with a card of the same name beside it; None where none ships.
        license: of the shipped weights.
        settings: what inferencers do where the caller leaves it open, by the name of their argument.
        figures: published accuracy: the authors' own, or ours where the weights are ours; the card says how measured.
    """

    name: str
    task: str
    builder: Builder
    variant: str
    parameters: int
    weights: str | None = None
    license: str | None = None
    settings: Mapping[str, Any] = _NOTHING
    figures: Mapping[str, float] = _NOTHING

    def build(self, checkpoint: str | Path | None = None) -> nn.Module:
        """The network in eval mode, with the checkpoint's weights, the shipped ones, or random ones where none ship.

        Raises:
            CheckpointError: the weights cannot be used.
        """
        return self.builder(self.name, checkpoint)

    @property
    def weights_path(self) -> Path | None:
        """Where the shipped weights lie; None where none ship."""
        return None if self.weights is None else WEIGHTS_DIR / self.weights

    @property
    def card_path(self) -> Path | None:
        """Where it is written how the shipped weights were made and what they fail on."""
        return None if self.weights is None else (WEIGHTS_DIR / self.weights).with_suffix(".md")

    @property
    def is_flow(self) -> bool:
        """Whether pixels move along y, too."""
        return self.task == FLOW


def find_model(name: str, *tasks: str) -> ModelRow | None:
    """The row of a model of the tasks, or of any; None for a name that is not there."""
    return next((row for row in MODELS if row.name == name and (not tasks or row.task in tasks)), None)


def require_model(name: str, *tasks: str) -> ModelRow:
    """The row of a model of the tasks, the first of which gives messages its name.

    Raises:
        UsageError: of code "unknown-model".
    """
    row = find_model(name, *tasks)
    if row is None:
        message = f"unknown {tasks[0]} model {name!r}; available: {', '.join(model_names(*tasks))}"
        raise UsageError(message, code="unknown-model", value=name)
    return row


def model_names(*tasks: str) -> list[str]:
    """Names of all models of the tasks, in the table's order."""
    return [row.name for row in MODELS if row.task in tasks]


def default_model(task: str) -> str:
    """Name of the model that serves a task where the caller names none: the first of the table."""
    return model_names(task)[0]


def default_setting(task: str, name: str) -> Any:
    """A setting of the default model of a task."""
    return next(row.settings[name] for row in MODELS if row.task == task)


def find_variant(variant: str | None, *tasks: str) -> ModelRow | None:
    """The first row of the tasks whose network is of a variant, whatever built the network; None if there is none."""
    return next((row for row in MODELS if row.task in tasks and row.variant == variant), None)


def require_weights(name: str, checkpoint: str | Path | None, *tasks: str) -> None:
    """Refuse to run a model of the tasks on random weights; unknown names are left to the builder.

    Raises:
        UsageError: of code "no-weights".
    """
    row = find_model(name, *tasks)
    if checkpoint is None and row is not None and row.weights is None:
        message = f"checkpoint is None, but model {name!r} ships without weights"
        raise UsageError(message, code="no-weights", value=name)


def _forgery(name: str, checkpoint: str | Path | None) -> nn.Module:
    from vision.models.forgery.network import forgery_detector

    return forgery_detector(name, checkpoint)


def _match(name: str, checkpoint: str | Path | None) -> nn.Module:
    from vision.models.stereo.network import match_stereo

    return match_stereo(name, checkpoint)


def _video(name: str, checkpoint: str | Path | None) -> nn.Module:
    from vision.models.video.checkpoint import video_detector

    return video_detector(name, checkpoint)


# The first row of a task is its default.
MODELS: tuple[ModelRow, ...] = (
    ModelRow(
        "dual_frequency_wild",
        FORGERY,
        _forgery,
        "wild",
        parameters=3_182_652,
        weights="dual_frequency_wild.safetensors",
        license="Apache-2.0",
        settings={"crop_size": 256},  # what the calibration was fitted at
        figures={"auc": 92.9, "auc_jpeg70": 90.0, "auc_half": 91.0},
    ),
    ModelRow(
        "dual_frequency_demo",
        FORGERY,
        _forgery,
        "demo",
        parameters=369_802,
        weights="dual_frequency_demo.safetensors",
        license="Apache-2.0",
        settings={"crop_size": 256},  # what the calibration was fitted at
        figures={"auc": 86.4, "auc_jpeg70": 68.7},
    ),
    ModelRow(
        "dual_frequency_paper",
        FORGERY,
        _forgery,
        "paper",
        parameters=1_442_442,
        figures={"forensynths_accuracy": 91.1, "forensynths_ap": 95.2},
    ),
    ModelRow(
        "match_stereo_nano",
        STEREO,
        _match,
        "nano",
        parameters=3_556_348,
        weights="match_stereo_nano.safetensors",
        license="Apache-2.0",
        settings={"scale": None},  # trained for small images that are matched enlarged
        figures={"epe": 1.181, "bad_2": 6.77},
    ),
    ModelRow("match_stereo_tiny", STEREO, _match, "tiny", parameters=8_621_352),
    ModelRow("match_stereo_small", STEREO, _match, "small", parameters=24_907_048),
    ModelRow(
        "match_stereo_base",
        STEREO,
        _match,
        "base",
        parameters=74_929_512,
        figures={"middlebury_bad_2": 1.85, "middlebury_epe": 0.73, "eth3d_bad_1": 0.70, "kitti2015_d1": 1.50},
    ),
    ModelRow("match_flow_base", FLOW, _match, "base", parameters=74_929_512),
    ModelRow(
        "mamba_people_nano",
        VIDEO,
        _video,
        "people-nano",
        parameters=3_821_543,
        weights="mamba_people_nano.safetensors",
        license="Apache-2.0",
        figures={"ap50_held_out": 0.879},
    ),
)
