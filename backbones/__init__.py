"""Backbones of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports, when_imported

if TYPE_CHECKING:
    from backbones.checkpoint import convert_state_dict
    from backbones.convformer import ConvFormer
    from backbones.dilations import recommend_dilations
    from backbones.dinat import DiNAT
    from backbones.dinat_s import DiNATS
    from backbones.dual_frequency import DualFrequencyNet
    from backbones.nat import NAT

_HOME = {
    "ConvFormer": "backbones.convformer",
    "NAT": "backbones.nat",
    "DiNAT": "backbones.dinat",
    "DiNATS": "backbones.dinat_s",
    "DualFrequencyNet": "backbones.dual_frequency",
    "convert_state_dict": "backbones.checkpoint",
    "recommend_dilations": "backbones.dilations",
}

__all__ = [
    "NAT",
    "ConvFormer",
    "DiNAT",
    "DiNATS",
    "DualFrequencyNet",
    "convert_state_dict",
    "recommend_dilations",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)

# timm takes longer to import than torch; who does not use it should not wait for it.
when_imported("timm.models", "backbones.timm_models")
