"""Encoders and decoders by the name of their variant."""

from __future__ import annotations

import pytest
import torch

from backbones import ConvFormer
from heads import MatchDecoder
from vision.models.stereo.variants import VARIANTS


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_parts_of_a_variant_are_those_of_its_numbers(variant: str) -> None:
    numbers = VARIANTS[variant]
    assert numbers["encoder"]["embed_dims"] == numbers["decoder"]["in_channels"]
    with torch.device("meta"):
        for by_name, by_numbers in (
            (ConvFormer(variant=variant), ConvFormer(**numbers["encoder"])),
            (MatchDecoder(variant=variant), MatchDecoder(**numbers["decoder"])),
        ):
            shapes = [{k: v.shape for k, v in part.state_dict().items()} for part in (by_name, by_numbers)]
            assert shapes[0] == shapes[1]


def test_what_is_given_comes_before_the_variant() -> None:
    with torch.device("meta"):
        encoder = ConvFormer(variant="nano", depths=(1, 1, 1, 1))
        decoder = MatchDecoder(variant="nano", depths=(1, 1, 1, 1))
    assert [len(stage) for stage in encoder.stages] == [1, 1, 1, 1] and encoder.embed_dims == (32, 64, 96, 128)
    assert [len(list(stage.children())) for stage in decoder.stages] == [1, 1, 1, 1]


@pytest.mark.parametrize("part", [ConvFormer, MatchDecoder])
def test_an_unknown_variant_is_named_with_those_there_are(part: type) -> None:
    with pytest.raises(ValueError, match=f"unknown variant 'huge' of {part.__name__}; available: nano, tiny, small, b"):
        part(variant="huge")
