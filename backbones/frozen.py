"""Pooled features of a timm model that never learns: its weights are the user's own, and nothing is ever fetched."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.checkpoint import CheckpointError, read_checkpoint
from vision.errors import UsageError
from vision.hub import file_sha256 as file_sha256
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD

# By what timm's hub repositories call their weights, the preferred one first.
_CACHED_NAMES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# Files may lack a classifier, or hold positions for another size of images; with less than this share of the model's
# values they are of another one, and the model's memory need not be asked for.
_LEAST_SHARE = 0.5


class FrozenFeatures:
    """Images -> pooled features of a timm model in eval mode, without gradients.

    It is no `nn.Module`, so that no optimizer, state dict, average of weights or `train()` reaches the model; copies of
    the network that owns it share it. Until `load` it knows the model's shape alone, which takes no memory.

    Args:
        name: of a timm model, with or without the tag of its weights, such as "vit_small_patch16_dinov3.lvd1689m".

    Attributes:
        channels: how many features an image gets.
        sha256: of the loaded file, 64 hexadecimal digits; "" before.

    Raises:
        UsageError: timm knows no such model.
    """

    def __init__(self, name: str) -> None:
        import timm

        check_foundation_name(name)
        self.name = name
        self.sha256 = ""
        self._model: nn.Module | None = None
        with torch.device("meta"):
            shape: Any = timm.create_model(name, pretrained=False, num_classes=0)
        self.channels: int = shape.head_hidden_size
        self._num_values = sum(value.numel() for value in shape.parameters())
        config = shape.pretrained_cfg
        self._size = tuple(config["input_size"][1:])
        self._mean, self._std = config["mean"], config["std"]
        self._interpolation = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"

    @property
    def is_loaded(self) -> bool:
        """Whether it has its weights."""
        return self._model is not None

    def load(self, weights: str | Path | None = None, sha256: str = "") -> None:
        """Take the weights of a file, or of the Hugging Face hub's cache on this machine.

        Args:
            weights: safetensors, or a PyTorch file without code, as timm or the model's authors name its tensors; None
                for the cache. Nothing is fetched, whatever `HF_HUB_OFFLINE` says.
            sha256: that the file must have; "" for any.

        Raises:
            CheckpointError: there are none, they are of another model, or of another file.
        """
        path = Path(weights) if weights is not None else cached_weights(self.name)
        if path is None:
            message = (
                f"foundation is None, but this detector needs the weights of timm's {self.name}, and the Hugging Face "
                "cache of this machine has none; expected a file of them (nothing is fetched)"
            )
            raise CheckpointError(message, code="no-foundation", value=self.name)
        state = read_checkpoint(path)[0]
        found = file_sha256(path)
        if sha256 and found != sha256:
            message = (
                f"foundation {path} has other weights than those of timm's {self.name} that the detector learned with: "
                f"its SHA-256 is {found}, expected {sha256}"
            )
            raise CheckpointError(message, code="other-foundation", value=found)
        # A detector may be built for another device, or judge in inference mode when it comes to this.
        with torch.device("cpu"), torch.inference_mode(False):
            self._model = self._filled(state, path)
        self.sha256 = found

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """ImageNet-normalized images `[B, 3, H, W]`, resized to what the model takes -> features `[B, channels]`."""
        if self._model is None:
            raise RuntimeError(f"the weights of {self.name} were not loaded")
        if not len(images):
            return images.new_zeros(0, self.channels)
        self._model.to(images.device)
        mean, std = (_column(values, images) / 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
        levels = images.float() * std + mean
        if levels.shape[2:] != self._size:
            levels = F.interpolate(levels, self._size, mode=self._interpolation, align_corners=False, antialias=True)
            levels = levels.clamp(0, 1)  # bicubic curves overshoot
        features = self._model((levels - _column(self._mean, images)) / _column(self._std, images))
        if features.shape != (len(images), self.channels):
            found, wanted = tuple(features.shape), (len(images), self.channels)
            raise UsageError(f"timm's {self.name} gives features of shape {found}; expected pooled ones, {wanted}")
        return features

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenFeatures:
        return self

    def _filled(self, state: dict[str, Tensor], path: Path) -> nn.Module:
        import timm

        values = sum(value.numel() for value in state.values())
        if values < _LEAST_SHARE * self._num_values:
            raise self._refusal(path, f"it holds {values:,} values, the model {self._num_values:,}")
        broken = next((key for key, value in state.items() if not _is_finite(value)), None)
        if broken is not None:
            raise CheckpointError(f"foundation {path} cannot be used: {broken} has values that are not finite")
        config = timm.get_pretrained_cfg(self.name)
        classifiers = getattr(config, "classifier", None) or ()
        classifiers = (classifiers,) if isinstance(classifiers, str) else classifiers
        dropped = {f"{layer}.{part}" for layer in classifiers for part in ("weight", "bias")}
        # Without classes timm would load whatever fits and leave the rest random; with as many as the model has, none,
        # it loads strictly. Its own conversions of authors' names come before.
        overlay = {
            "state_dict": {key: value for key, value in state.items() if key not in dropped},
            "num_classes": 0,
            "label_offset": 0,
            "custom_load": False,
        }
        try:
            model: Any = timm.create_model(self.name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
        except Exception as error:  # conversions raise what they like on a stranger's names and shapes
            raise self._refusal(path, _reason(error)) from error
        model.pretrained_cfg.pop("state_dict", None)  # a second copy of all weights
        return model.eval().requires_grad_(False)

    def _refusal(self, path: Path, reason: str) -> CheckpointError:
        message = f"foundation {path} is of another model than timm's {self.name}: {reason}"
        return CheckpointError(message, code="other-foundation", value=self.name)


def check_foundation_name(name: str) -> None:
    """Refuse what is no name of timm's own table, such as a folder or the address of a model hub.

    Raises:
        UsageError: with the names that are most like it.
    """
    import timm

    if isinstance(name, str) and timm.is_model(name):
        tag = name.partition(".")[2]
        known = timm.list_pretrained(f"{name.partition('.')[0]}.*")
        if not tag or name in known:
            return
        advice = f"expected one of its weights: {', '.join(known)}" if known else "it has no weights with tags"
    else:
        close = difflib.get_close_matches(str(name), timm.list_models(), n=3)
        advice = f"did you mean {' or '.join(close)}?" if close else "timm.list_models() has them all"
    raise UsageError(f"timm has no model {str(name)[:100]!r}; {advice}", code="unknown-model", value=name)


def cached_weights(name: str) -> Path | None:
    """Where the Hugging Face cache of this machine has the weights of a timm model; None if it has none."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        return None
    names = (config.hf_hub_filename,) if config.hf_hub_filename else _CACHED_NAMES
    found = (try_to_load_from_cache(config.hf_hub_id, file) for file in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device).view(-1, 1, 1)


def _is_finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(value.float().isfinite().all())


def _reason(error: Exception) -> str:
    """The first thing that a loader complained about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # torch's first line says in which class; the second, what is missing.
    text = lines[1] if len(lines) > 1 else "".join(lines)
    return (text or type(error).__name__)[:200]
