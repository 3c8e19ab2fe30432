"""The dual-frequency trunk, joined with frozen features of a vision foundation model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backbones.dual_frequency import DualFrequencyNet
from backbones.frozen import FrozenFeatures
from vision.checkpoint import CheckpointError


class DualFrequencyFoundationNet(DualFrequencyNet):
    """DualFrequencyNet whose last map also carries what a frozen timm model sees in the whole image.

    Linear classifiers on such features do better in the wild than specialized detectors (arXiv 2509.12995). The frozen
    model's weights are the user's; neither a state dict nor an optimizer ever holds them. A state dict has the SHA-256
    of their file instead, and loading refuses other ones than those that the detector learned with.

    Args:
        foundation: name of the timm model, such as "vit_small_patch16_dinov3.lvd1689m".
        weights: file of its weights, loaded at once. None leaves that to `attach`, or to the first images, which take
            those in the Hugging Face cache of this machine.
        foundation_channels: channels that its features become, behind those of the frequency map.
        foundation_sha256: of the file that the detector learned with, 64 hexadecimal digits; "" if there is none yet.
        in_chans, width, depths, wavelet, dwt_weight, residual, pool: see `DualFrequencyNet`.

    Raises:
        UsageError: timm knows no such model.
        CheckpointError: the weights cannot be used.
    """

    foundation_digest: Tensor

    def __init__(
        self,
        foundation: str,
        weights: str | Path | None = None,
        foundation_channels: int = 64,
        foundation_sha256: str = "",
        in_chans: int = 3,
        width: int = 64,
        depths: tuple[int, ...] = (3, 4),
        wavelet: str = "haar",
        dwt_weight: float = 0.6,
        residual: bool = False,
        pool: str = "max",
    ) -> None:
        super().__init__(in_chans, width, depths, wavelet, dwt_weight, residual, pool)
        self.frozen = FrozenFeatures(foundation)
        self.foundation_norm = nn.LayerNorm(self.frozen.channels)
        self.foundation_proj = nn.Linear(self.frozen.channels, foundation_channels)
        self.num_features += foundation_channels
        # A buffer, as it is the only thing beside parameters that mmengine's checkpoints keep.
        self.register_buffer("foundation_digest", _digest(foundation_sha256))
        if weights is not None:
            self.attach(weights)

    @property
    def foundation_sha256(self) -> str:
        """SHA-256 of the frozen model's file, as far as it is known: of the loaded one, or of that of the training."""
        digest = bytes(self.foundation_digest.tolist())
        return digest.hex() if any(digest) else ""

    def attach(self, weights: str | Path | None = None) -> None:
        """Load the frozen model from a file, or without one from the Hugging Face cache of this machine.

        Raises:
            CheckpointError: there are no weights, or others than those that the detector learned with.
        """
        self.frozen.load(weights, self.foundation_sha256)
        self.foundation_digest.copy_(_digest(self.frozen.sha256))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> feature maps; the last has both kinds."""
        if not self.frozen.is_loaded:
            self.attach()
        *others, last = super().forward(x)
        seen = self.foundation_proj(self.foundation_norm(self.frozen(x).float())).to(last.dtype)
        # [B, C] -> [B, C, H, W], the same everywhere: a head's mean over the map gives them back.
        spread = seen[:, :, None, None].expand(-1, -1, *last.shape[2:])
        return (*others, torch.cat([last, spread], 1))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        known = self.foundation_sha256
        super()._load_from_state_dict(state_dict, prefix, *args)
        found = self.foundation_sha256
        if known:
            self.foundation_digest.copy_(_digest(known))
        if known and found and known != found:
            message = (
                f"the checkpoint's detector learned with other weights of timm's {self.frozen.name} than are given: "
                f"the SHA-256 of their file was {found}, expected {known}"
            )
            raise CheckpointError(message, code="other-foundation", value=found)


def _digest(sha256: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(sha256)) or [0] * 32, dtype=torch.uint8)
