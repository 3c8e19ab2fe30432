"""MatchStereo and MatchFlow by name, for inference and training (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.checkpoint import CheckpointError, load_strict, read_checkpoint, source_of
from vision.files import to_json
from vision.models.hub import HubModel, check_keys
from vision.models.stereo.checkpoint import architecture, build_parts, convert_match_state_dict, variant_of
from vision.models.stereo.sizes import MIN_SIZE as MIN_SIZE
from vision.models.stereo.sizes import MULTIPLE as MULTIPLE
from vision.models.stereo.variants import VARIANTS
from vision.models.table import FLOW, STEREO, default_model, find_variant, model_names, require_model
from vision.models.table import WEIGHTS_DIR as WEIGHTS_DIR

# What `MatchStereo.forward` gives; training needs more.
OUTPUTS = ("init_flow", "init_cv", "field_all", "field_up", "self_rpos")


class MatchStereo(HubModel):
    """Matches every pixel of two views, both ways.

    Args:
        encoder: images `[2B, 3, H, W]` in -1 .. 1 -> feature maps at strides 4, 8, 16 and 32.
        decoder: feature maps -> fields (see `heads.MatchDecoder`).
        stereo: whether views are rectified, so that matches lie on the same row; else optical flow.
        variant: its name, if it is one of those that have one.
    """

    pipeline = "depth-estimation"

    def __init__(self, encoder: nn.Module, decoder: nn.Module, stereo: bool = True, variant: str | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.stereo = stereo
        self.variant = variant

    @classmethod
    def from_variant(cls, variant: str, stereo: bool = True) -> MatchStereo:
        """Build "nano", "tiny", "small" or "base" with random weights."""
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r} of MatchStereo; available: {', '.join(VARIANTS)}")
        return cls(*build_parts(VARIANTS[variant]), stereo, variant)

    def hub_config(self) -> dict[str, Any]:
        """What it is for, its variant if it has one, and the arguments of encoder and decoder."""
        return {"stereo": self.stereo, "variant": self.variant, **architecture(self.state_dict())}

    @classmethod
    def from_hub_config(cls, config: dict[str, Any], state: Mapping[str, Tensor]) -> MatchStereo:
        """The network of `hub_config`, if the weights are of that size."""
        check_keys(config, ("stereo", "variant", "encoder", "decoder"), "MatchStereo")
        stereo, variant = config.get("stereo", True), config.get("variant")
        if not isinstance(stereo, bool):
            raise CheckpointError(f"stereo is {str(stereo)[:100]!r}, expected true or false")
        if variant is not None and variant not in VARIANTS:
            raise CheckpointError(f"unknown variant {str(variant)[:100]!r}; available: {', '.join(VARIANTS)}")
        # Of what a stranger's file asks for, only as much is made as its weights fill.
        found = architecture(state)
        for part, arguments in found.items():
            for said in (config.get(part, arguments), VARIANTS[variant][part] if variant else arguments):
                if to_json(said) != to_json(arguments):
                    raise CheckpointError(f"{part} is {str(said)[:200]}, but the weights are of {arguments}")
        try:
            return cls(*build_parts(found), stereo, variant)
        except (ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(f"the weights are of no MatchStereo: {error}") from error

    def forward(
        self, img0: Tensor, img1: Tensor, stereo: bool | None = None, init_flow: Tensor | None = None
    ) -> dict[str, Any]:
        """Match two batches of images of one size.

        Fields `[2B, h, w, 2]` are displacements (x, y) in pixels of their own map: of `img0` first, then of `img1`.
        Images are extended at the top and on the right to H', W': multiples of 32, at least 192.

        Args:
            img0: RGB, 0 .. 255, `[B, 3, H, W]`; the left view.
            img1: like `img0`; the right view.
            stereo: y is zero; None for what the model was made for.
            init_flow: field to begin with instead of the correlation's own: `[2B, H, W, 2]` as `field_up`, or
                `[2B, H' / 32, W' / 32, 2]` as `init_flow`.

        Returns:
            init_flow: field that the first stage begins with, `[2B, H' / 32, W' / 32, 2]`.
            init_cv: probabilities of the correlation, `[2B, D, H' / 32, W' / 32]`.
            field_all: fields after every layer and at the start of every finer stage, of the extended images.
            field_up: the result, `[2B, H, W, 2]`; a left view's x is minus its disparity.
            self_rpos: where pixels look in their own view, `[2B, H' / 4, W' / 4, 2]`.

        Raises:
            ValueError: shapes that do not fit.
        """
        out = self.match(img0, img1, stereo, init_flow)
        return {key: out[key] for key in OUTPUTS}

    def match(
        self, img0: Tensor, img1: Tensor, stereo: bool | None = None, init_flow: Tensor | None = None
    ) -> dict[str, Any]:
        """As `forward`, for training: also `field_self`, the fields after the self attention of every layer."""
        return match_views(self.encoder, self.decoder, img0, img1, self.stereo if stereo is None else stereo, init_flow)


def match_views(
    encoder: nn.Module,
    decoder: nn.Module,
    img0: Tensor,
    img1: Tensor,
    stereo: bool,
    init_flow: Tensor | None = None,
) -> dict[str, Any]:
    """What `MatchStereo.match` computes, of an encoder and a decoder that belong to anyone."""
    _check_images(img0, img1)
    height, width = img0.shape[-2:]
    padding = _padding(height, width)
    dtype = next(encoder.parameters()).dtype
    # Scaled in float32 before the network's own type: in half precision the subtraction would lose gray levels.
    images = torch.cat([img0, img1]).to(torch.promote_types(dtype, torch.float32)) * (2 / 255) - 1
    features = encoder(F.pad(images.to(dtype), padding, mode="replicate"))
    if init_flow is not None:
        init_flow = _coarse_field(init_flow, 2 * len(img0), (height, width), padding)
    out = decoder(features, stereo, init_flow)
    # The extension lies above and to the right (see `_padding`): the image is what is left of it.
    out["field_up"] = out["field_up"][:, padding[2] :, :width]
    return out


def match_stereo_models() -> list[str]:
    """Names that `match_stereo` takes."""
    return model_names(STEREO, FLOW)


def match_stereo(name: str = default_model(STEREO), checkpoint: str | Path | None = None) -> MatchStereo:
    """Build a stereo or flow matcher in eval mode.

    Args:
        name: "match_stereo_nano" (trained, shipped with the package), or a published model, whose weights are random
            unless a checkpoint is given: "match_stereo_tiny", "match_stereo_small", "match_stereo_base" or
            "match_flow_base".
        checkpoint: weights to load instead of the shipped ones: safetensors, a training checkpoint, or an official one.

    Raises:
        UsageError: unknown name.
        CheckpointError: the file is missing, corrupt, or of another model or variant.
    """
    row = require_model(name, STEREO, FLOW)
    model = MatchStereo.from_variant(row.variant, stereo=not row.is_flow)
    source = row.weights_path if checkpoint is None else checkpoint
    if source is not None:
        load_match_stereo(model, source)
    return model.eval()


def load_match_stereo(model: MatchStereo, path: str | Path) -> None:
    """Load weights of any kind `match_stereo` takes.

    Raises:
        CheckpointError: the file is missing, corrupt, or of another model or variant; the message names both variants.
    """
    state, metadata = read_checkpoint(path)
    path = source_of(path)
    try:
        state = convert_match_state_dict(state)
        variant = variant_of(state, metadata)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error
    if model.variant is not None and variant != model.variant:
        other = find_variant(variant, STEREO if model.stereo else FLOW)
        raise CheckpointError(
            f"checkpoint {path} is of variant {variant or '(none of ours)'}, the model is of variant {model.variant}"
            + (f"; use model {other.name}" if other is not None else ""),
            code="other-variant",
            value=other and other.name,
        )
    if metadata.get("stereo", model.stereo) != model.stereo:
        trained, wanted = (FLOW, STEREO) if model.stereo else (STEREO, FLOW)
        raise CheckpointError(f"checkpoint {path} was trained for {trained}, but the model is for {wanted}")
    load_strict(model, state, path)


def _padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Left, right, top and bottom pixels that make the sides of an image multiples of 32, at least 192."""
    rows, columns = (max(MIN_SIZE, -(-side // MULTIPLE) * MULTIPLE) for side in (height, width))
    return 0, columns - width, rows - height, 0


def _coarse_field(field: Tensor, batch: int, size: tuple[int, int], padding: tuple[int, int, int, int]) -> Tensor:
    """A field of either allowed size at 1/32, `[2B, H' / 32, W' / 32, 2]`."""
    height, width = size
    rows, columns = (height + padding[2]) // MULTIPLE, (width + padding[1]) // MULTIPLE
    if field.shape == (batch, rows, columns, 2):
        return field
    if field.shape != (batch, height, width, 2):
        raise ValueError(
            f"init_flow must be [2B, H, W, 2] = {(batch, height, width, 2)} or, at 1/32 of the extended images, "
            f"{(batch, rows, columns, 2)}, got {tuple(field.shape)}"
        )
    full = F.pad(field.permute(0, 3, 1, 2), padding, mode="replicate")
    return F.avg_pool2d(full, MULTIPLE).permute(0, 2, 3, 1) / MULTIPLE


def _check_images(img0: Tensor, img1: Tensor) -> None:
    if img0.dim() != 4 or img0.shape[1] != 3 or 0 in img0.shape:
        raise ValueError(f"img0 must be images [B, 3, H, W], got {tuple(img0.shape)}")
    if img1.shape != img0.shape:
        raise ValueError(f"img1 must have the shape of img0, {tuple(img0.shape)}, got {tuple(img1.shape)}")
