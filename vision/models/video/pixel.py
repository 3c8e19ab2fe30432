"""The pixel level of a video detector: which maps it enhances, and which of their pixels are remembered."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from heads.memory import MemoryBank, PixelMemory
from vision.errors import UsageError

Maps = tuple[Tensor, ...]


class PixelLevel(nn.Module):
    """`PixelMemory` on some of a detector's feature maps, which share one layer and one bank.

    What is remembered are the maps as they were before enhancement: so they were, too, when the layer was trained.

    Args:
        strides: pixels of the network's input per pixel of every map of the detector.
        embed_dim: channels of the maps.
        num_heads: of the attention.
        pixels_per_box: how many pixels of a detected box are remembered.
        max_length: rows of the bank.
        key_length: rows that a frame sees.
        levels: indices of the maps.
        min_score: of the boxes whose pixels are remembered.

    Raises:
        UsageError: there is no such level.
    """

    def __init__(
        self,
        strides: Sequence[int],
        embed_dim: int,
        num_heads: int = 16,
        pixels_per_box: int = 100,
        max_length: int = 20_000,
        key_length: int = 2_000,
        levels: Sequence[int] = (0,),
        min_score: float = 0.0,
    ) -> None:
        super().__init__()
        if not levels or any(not 0 <= level < len(strides) for level in levels):
            raise UsageError(
                f"pixel.levels must name some of the detector's {len(strides)} feature maps, 0 to {len(strides) - 1}, "
                f"got {tuple(levels)}",
                code="out-of-range",
                value=tuple(levels),
            )
        self.memory = PixelMemory(embed_dim, num_heads, pixels_per_box)
        self.strides = {level: strides[level] for level in levels}
        self.max_length, self.key_length, self.min_score = max_length, key_length, min_score

    def new_bank(self, seed: int) -> MemoryBank:
        """An empty bank for one stream."""
        return MemoryBank(self.max_length, self.key_length, seed)

    def learn(self, maps: Maps, references: Sequence[Maps | None]) -> tuple[Maps, list[Maps | None]]:
        """Enhance key frames, and their references, by random pixels of the whole reference maps.

        Ground truth would choose better pixels than any detector does, and the layer would learn to rely on that.

        Args:
            maps: of N key frames, `[N, C, H, W]` of every level.
            references: of each key frame the maps `[R, C, H, W]`, or None.

        Returns:
            Both, in the same shapes.
        """
        keys = [None if one is None else self._random_pixels(one) for one in references]
        enhanced = list(maps)
        for level in self.strides:
            # Without references, too: the layer is then part of the graph, as distributed training expects.
            none = maps[level].new_empty(0, maps[level].shape[1])
            rows = [
                self.memory(row, none if key is None else key)
                for row, key in zip(maps[level].split(1), keys, strict=True)
            ]
            enhanced[level] = torch.cat(rows)
        seen = [
            None if one is None or key is None else self._enhance(one, key)
            for one, key in zip(references, keys, strict=True)
        ]
        return tuple(enhanced), seen

    def read(self, maps: Maps, bank: MemoryBank) -> Maps:
        """Enhance the maps `[1, C, H, W]` of a frame by what is remembered; nothing leaves them as they are."""
        return self._enhance(maps, bank.sample()) if len(bank) else maps

    @torch.no_grad()
    def write(self, maps: Maps, boxes: Tensor, bank: MemoryBank) -> None:
        """Remember pixels of boxes `[N, 4]` (in pixels of the network's input) of a frame's maps `[1, C, H, W]`."""
        chosen = [
            self.memory.pixels_of_boxes(maps[level][0], boxes, stride, bank.generator(boxes.device))
            for level, stride in self.strides.items()
        ]
        bank.update(torch.cat(chosen))

    def _enhance(self, maps: Maps, keys: Tensor) -> Maps:
        return tuple(self.memory(one, keys) if level in self.strides else one for level, one in enumerate(maps))

    def _random_pixels(self, maps: Maps) -> Tensor:
        """As many rows as a frame sees at test, of all reference frames and levels alike."""
        sources = [one for level in self.strides for one in maps[level]]
        count = -(-self.key_length // len(sources))
        return torch.cat([self.memory.random_pixels(one, count, torch.default_generator) for one in sources])
