"""mmdet's box head whose shared layers attend to proposals of other frames (MAMBA, arXiv 2401.09923)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from heads.memory.bank import MemoryBank
from heads.memory.enhancement import EnhancementLayer
from heads.memory.openmmlab import ConvFCBBoxHead
from vision.errors import UsageError


class MambaBBoxHead(ConvFCBBoxHead):
    """Shared layers, after each of which proposals are enhanced by those of other frames, then classes and boxes.

    Enhanced are the features before the activation, and such are remembered: those of a frame's best proposals, after
    their own enhancement, in one bank per shared layer.

    Args:
        num_shared_fcs: shared layers, at least one.
        fc_out_channels: their width, a multiple of `num_heads`.
        num_heads: heads of the attention.
        topk: proposals of a frame that are remembered, the best by the score of the RPN.
        memory: arguments of each `MemoryBank`: `max_length`, `key_length`.
        kwargs: of mmdet's `ConvFCBBoxHead`: classes, coder of boxes, losses, further layers of either branch.
    """

    def __init__(
        self,
        num_shared_fcs: int = 2,
        fc_out_channels: int = 1024,
        num_heads: int = 16,
        topk: int = 75,
        memory: Mapping[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("num_shared_fcs", num_shared_fcs), ("topk", topk)):
            if value < 1:
                raise UsageError(
                    f"{name} of MambaBBoxHead must be at least 1, got {value}", code="out-of-range", value=value
                )
        super().__init__(num_shared_fcs=num_shared_fcs, fc_out_channels=fc_out_channels, **kwargs)
        self.aggregator = nn.ModuleList(EnhancementLayer(fc_out_channels, num_heads) for _ in range(num_shared_fcs))
        self.topk = topk
        self.memory = {"max_length": 20_000, "key_length": 2_000, **(memory or {})}
        self.new_banks()  # so that wrong lengths are found now

    def new_banks(self, seed: int = 0) -> tuple[MemoryBank, ...]:
        """Empty banks for one stream of frames, one per shared layer, with different random choices."""
        return tuple(MemoryBank(**self.memory, seed=seed + i) for i in range(len(self.aggregator)))

    def forward(self, x: Tensor, ref_x: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """Classes and boxes of proposals that see those of reference frames, as in training.

        Args:
            x: features of the proposals `[N, C, h, w]`.
            ref_x: features of the references' proposals `[M, C, h, w]`. None is without references. They are not
                enhanced themselves, and gradients reach them.

        Returns:
            Scores `[N, classes + 1]` and deltas `[N, 4 * classes]`, either None where the head lacks that branch.
        """
        x = self._pooled(x)
        seen = x.new_empty(0, x.shape[1]) if ref_x is None else self._pooled(ref_x)
        for layer, aggregator in zip(self.shared_fcs, self.aggregator, strict=True):
            x, seen = layer(x), layer(seen)
            x, seen = aggregator(x, seen), F.relu(seen)
            x = F.relu(x)  # a new tensor: the attention of before still needs its input for the gradients
        return self._branches(x)

    def forward_memory(
        self, x: Tensor, banks: Sequence[MemoryBank], best: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Classes and boxes of the proposals of one frame, which reads all banks and then writes them.

        Args:
            x: features of the proposals `[N, C, h, w]`.
            banks: of the frame's stream, one per shared layer; empty ones enhance nothing.
            best: indices of the proposals to remember.

        Returns:
            As `forward`.
        """
        x = self._pooled(x)
        enhanced = []
        for layer, aggregator, bank in zip(self.shared_fcs, self.aggregator, banks, strict=True):
            x = aggregator(layer(x), bank.sample())
            enhanced.append(x)
            x = F.relu(x)
        outputs = self._branches(x)
        for bank, features in zip(banks, enhanced, strict=True):
            bank.update(features[best])
        return outputs

    def _pooled(self, x: Tensor) -> Tensor:
        """`[N, C, h, w]` -> `[N, channels of the first shared layer]`."""
        for conv in self.shared_convs:
            x = conv(x)
        if self.with_avg_pool:
            x = x.mean((-2, -1), keepdim=True)
        return x.flatten(1)

    def _branches(self, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x_cls = x_reg = x
        for layer in self.cls_fcs:
            x_cls = F.relu(layer(x_cls))
        for layer in self.reg_fcs:
            x_reg = F.relu(layer(x_reg))
        return (
            self.fc_cls(x_cls) if self.with_cls else None,
            self.fc_reg(x_reg) if self.with_reg else None,
        )
