"""What NAT, DiNAT and DiNAT_s share: four stages, the tasks they serve, and the contract of timm's models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from timm.models._features import feature_take_indices
from torch import Tensor, nn

from backbones.neighborhood.arguments import check_images, check_last_stride, check_pool, check_ranges, check_stages
from backbones.neighborhood.block import NeighborhoodBlock, Stage
from backbones.neighborhood.rel_pos_bias import fit_rel_pos_biases
from backbones.neighborhood.variants import complete_arguments


class NeighborhoodTransformer(nn.Module):
    """Hierarchy of neighborhood attention stages at strides 4, 8, 16 and 32; tokens stay `[B, H, W, C]` inside.

    Without `out_indices` it is a classifier, images -> logits, with the contract of timm's models. With them it is the
    backbone of a detector or segmentor, images -> a tuple of maps, each with a norm of its own (`norm0` ...).
    """

    family: ClassVar[str]
    stages_name: ClassVar[str]
    embedding: ClassVar[type[nn.Module]]
    downsampler: ClassVar[type[nn.Module]]
    strides_of_downsampler: ClassVar[tuple[int, ...]] = (2,)
    output_fmt = "NHWC"

    def __init__(
        self,
        embed_dim: int | None = None,
        depths: Sequence[int] | None = None,
        num_heads: Sequence[int] | None = None,
        kernel_size: int | None = None,
        dilations: Sequence[Sequence[int]] | None = None,
        mlp_ratio: float | None = None,
        drop_path_rate: float | None = None,
        layer_scale: float | None = None,
        num_classes: int = 1000,
        in_chans: int = 3,
        out_indices: Sequence[int] | None = None,
        frozen_stages: int = -1,
        global_pool: str = "avg",
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict[str, Any] | None = None,
        *,
        variant: str | None = None,
        last_stride: int = 2,
    ) -> None:
        """Make the model with random weights, of a published variant or of the sizes given.

        Args:
            embed_dim: channels of the first stage; every stage doubles them. Needed without `variant`.
            depths: layers of every stage. Needed without `variant`.
            num_heads: attention heads of every stage. Needed without `variant`.
            kernel_size: tokens of the window along a side, an odd number; 7 without `variant`.
            dilations: one list per stage with one dilation per layer, see `recommend_dilations`; all 1 without
                `variant`.
            mlp_ratio: hidden channels of the MLPs over their channels; 4 without `variant`.
            drop_path_rate: stochastic depth of the last layer; it grows linearly from 0 in the first. 0.2 without
                `variant`.
            layer_scale: initial value of the learned scales of all branches; none without `variant`.
            num_classes: logits of the classifier, 0 for pooled features instead.
            in_chans: channels of the image.
            out_indices: stages whose maps are returned; None makes a classifier.
            frozen_stages: -1 trains all, 0 freezes the tokenizer, `n` also the first n stages.
            global_pool: "avg", or "" to leave the classifier's tokens unpooled.
            qkv_bias: learn a bias of queries, keys and values.
            qk_scale: factor of the attention logits, `head_dim ** -0.5` if None.
            drop_rate: dropout of tokens, projections and MLPs.
            attn_drop_rate: dropout of the attention weights.
            with_cp: recompute every layer in the backward pass, which saves memory.
            init_cfg: `dict(type="Pretrained", checkpoint=path)`, read when mmengine calls `init_weights`; with
                `prefix="backbone."` only the keys that begin so are taken.
            variant: a published model of this family, such as "tiny" or "large_384": it gives the arguments from
                `embed_dim` to `layer_scale` that are None.
            last_stride: 1 leaves the last stage at the resolution of the one before, as a dilated C5 ("DC5") does in
                ResNets: the same weights, and twice the dilations see as far. 2 otherwise.

        Raises:
            ValueError: an argument is out of its range (the message names the stage where there is one), missing, or
                there is no such variant.
        """
        super().__init__()
        size = complete_arguments(
            self.family,
            variant,
            {
                "embed_dim": embed_dim,
                "depths": depths,
                "num_heads": num_heads,
                "kernel_size": kernel_size,
                "dilations": dilations,
                "mlp_ratio": mlp_ratio,
                "drop_path_rate": drop_path_rate,
                "layer_scale": layer_scale,
            },
        )
        depths = size["depths"]
        check_stages(depths, size["num_heads"], size["embed_dim"], size["dilations"])
        check_ranges(len(depths), size["kernel_size"], in_chans, out_indices, frozen_stages, global_pool)
        check_last_stride(last_stride, self.strides_of_downsampler, type(self).__name__)
        self.in_chans = in_chans
        self.out_indices = None if out_indices is None else tuple(sorted(i % len(depths) for i in out_indices))
        self.frozen_stages = frozen_stages
        self.global_pool = global_pool
        self.init_cfg = init_cfg
        dims = [size["embed_dim"] * 2**i for i in range(len(depths))]
        self.num_features = self.head_hidden_size = dims[-1]
        self.feature_info = [
            {"num_chs": dim, "reduction": 4 * 2**i, "module": f"{self.stages_name}.{i}"} for i, dim in enumerate(dims)
        ]

        self.feature_info[-1]["reduction"] //= 2 // last_stride

        self.patch_embed = self.embedding(in_chans, dims[0])
        self.pos_drop = nn.Dropout(drop_rate)
        options = {
            "qkv_bias": qkv_bias,
            "qk_scale": qk_scale,
            "drop_rate": drop_rate,
            "attn_drop_rate": attn_drop_rate,
        }
        self.add_module(self.stages_name, self._make_stages(dims, size, options, last_stride))
        if self.out_indices is None:
            # A part of a detector has no classes: mmdet compares those of every module that has some with the data's.
            self.num_classes = num_classes
            self.norm = nn.LayerNorm(dims[-1])
            self.head = nn.Linear(dims[-1], num_classes) if num_classes > 0 else nn.Identity()
        else:
            for i in self.out_indices:
                self.add_module(f"norm{i}", nn.LayerNorm(dims[i]))
        self.apply(_init_linear)
        self.set_grad_checkpointing(with_cp)
        self._freeze()
        self.register_load_state_dict_pre_hook(_fit_biases)

    def _make_stages(
        self, dims: Sequence[int], size: dict[str, Any], options: dict[str, Any], last_stride: int
    ) -> nn.ModuleList:
        depths, dilations = size["depths"], size["dilations"]
        options = {**options, **{name: size[name] for name in ("kernel_size", "mlp_ratio", "layer_scale")}}
        # On the CPU even where the model is made elsewhere: the rates are wanted as numbers.
        rates = iter(torch.linspace(0, size["drop_path_rate"], sum(depths), device="cpu").tolist())
        stages = nn.ModuleList()
        for i, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
            layer_dilations = [1] * depth if dilations is None else dilations[i]
            blocks = [
                NeighborhoodBlock(dim, size["num_heads"][i], dilation=dilation, drop_path=next(rates), **options)
                for dilation in layer_dilations
            ]
            keeps_size = last_stride == 1 and i == len(dims) - 2
            downsample = self.downsampler(dim, stride=1) if keeps_size else self.downsampler(dim)
            stages.append(Stage(blocks, downsample if dim != dims[-1] else nn.Identity()))
        return stages

    @property
    def stages(self) -> list[Stage]:
        """The stages, whatever official checkpoints call them."""
        return list(getattr(self, self.stages_name))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Normalized images `[B, in_chans, H, W]` of any size.

        Returns:
            Logits `[B, num_classes]`; with `out_indices` the maps `[B, embed_dim * 2**i, H_i, W_i]` of these stages,
            where `H_i` is `ceil(H / 4)` halved i times, rounded up.

        Raises:
            ValueError: not a batch of images with `in_chans` channels and at least one pixel.
        """
        if self.out_indices is None:
            return self.forward_head(self.forward_features(x))
        tokens = self.forward_stages(x, max(self.out_indices))
        return tuple(_as_map(getattr(self, f"norm{i}")(tokens[i])) for i in self.out_indices)

    def forward_stages(self, x: Tensor, last: int | None = None) -> list[Tensor]:
        """Images -> the tokens `[B, H_i, W_i, C_i]` of all stages up to `last`, without norm."""
        check_images(x, self.in_chans)
        stages = self.stages if last is None else self.stages[: last + 1]
        x = self.pos_drop(self.patch_embed(x))
        tokens = []
        for i, stage in enumerate(stages):
            if i > 0:
                x = stages[i - 1].downsample(x)
            x = stage(x)
            tokens.append(x)
        return tokens

    def forward_features(self, x: Tensor) -> Tensor:
        """Images -> normed tokens `[B, H, W, C]` of the last stage."""
        return self.norm(self.forward_stages(x)[-1])

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Tokens -> logits, or with `pre_logits` what the classifier would be given."""
        x = x.mean((1, 2)) if self.global_pool == "avg" else x
        return x if pre_logits else self.head(x)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Maps of chosen stages (timm's contract).

        Args:
            x: images `[B, in_chans, H, W]`.
            indices: stages; a number for the last so many, None for all.
            norm: put the last stage's map through the final norm.
            stop_early: leave out the stages after the last one wanted.
            output_fmt: "NCHW" or "NHWC".
            intermediates_only: return the maps alone.

        Returns:
            The maps, or the final tokens and the maps.
        """
        if output_fmt not in ("NCHW", "NHWC"):
            raise ValueError(f"output_fmt must be 'NCHW' or 'NHWC', got {output_fmt!r}")
        count = len(self.stages)
        wanted, last = feature_take_indices(count, indices)
        tokens = self.forward_stages(x, last if stop_early else None)
        x = self.norm(tokens[-1]) if len(tokens) == count and not intermediates_only else tokens[-1]
        maps = [self.norm(tokens[i]) if norm and i == count - 1 else tokens[i] for i in wanted]
        maps = [_as_map(m) for m in maps] if output_fmt == "NCHW" else maps
        return maps if intermediates_only else (x, maps)

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Drop what the maps of the given stages do not need (timm's contract); returns the stages."""
        wanted, last = feature_take_indices(len(self.stages), indices)
        shortened = last < len(self.stages) - 1
        stages = nn.ModuleList(self.stages[: last + 1])
        stages[-1].add_module("downsample", nn.Identity())
        self.add_module(self.stages_name, stages)
        if prune_norm or shortened:
            self.add_module("norm", nn.Identity())
        if shortened:
            self.num_features = self.head_hidden_size = self.feature_info[last]["num_chs"]
        if prune_head or shortened:
            self.reset_classifier(0, "")
        return wanted

    def get_classifier(self) -> nn.Module:
        """The last layer."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a new classifier in, of random weights; 0 classes for none."""
        if global_pool is not None:
            check_pool(global_pool)
            self.global_pool = global_pool
        self.num_classes = num_classes
        like = next(self.parameters())
        head = nn.Linear(self.num_features, num_classes) if num_classes > 0 else nn.Identity()
        self.head = head.apply(_init_linear).to(like.device, like.dtype)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute every layer in the backward pass instead of keeping what it held."""
        for stage in self.stages:
            stage.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Parameters without weight decay: the position biases. timm's factory leaves out norms and biases itself."""
        return {name for name, _ in self.named_parameters() if name.endswith(".rpb")}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which parameters belong together, for rates that decay layer by layer."""
        stages = rf"^{self.stages_name}\.(\d+)"
        layers = [(rf"{stages}\.downsample", (99999,)), (rf"{stages}\.\w+\.(\d+)", None), (r"^norm", (99999,))]
        return {"stem": r"^patch_embed", "blocks": stages if coarse else layers}

    def train(self, mode: bool = True) -> NeighborhoodTransformer:
        """Switch to training, frozen stages excepted."""
        super().train(mode)
        self._freeze()
        return self

    def init_weights(self) -> None:
        """Load the weights that `init_cfg` names; mmengine calls this before training.

        Raises:
            ValueError: `init_cfg` is not `dict(type="Pretrained", checkpoint=path)`, or the file is of another model.
        """
        from backbones.checkpoint import load_backbone

        if self.init_cfg is None:
            return
        given = set(self.init_cfg) - {"prefix"}
        if self.init_cfg.get("type") != "Pretrained" or given != {"type", "checkpoint"}:
            raise ValueError(
                f'init_cfg must be dict(type="Pretrained", checkpoint=path), perhaps with prefix, got {self.init_cfg}'
            )
        load_backbone(self, self.init_cfg["checkpoint"], prefix=self.init_cfg.get("prefix"))

    def _freeze(self) -> None:
        frozen = [self.patch_embed, self.pos_drop] if self.frozen_stages >= 0 else []
        for part in [*frozen, *self.stages[: max(self.frozen_stages, 0)]]:
            part.eval()
            for parameter in part.parameters():
                parameter.requires_grad = False


def _as_map(tokens: Tensor) -> Tensor:
    return tokens.permute(0, 3, 1, 2).contiguous()


def _init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _fit_biases(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    fit_rel_pos_biases(state, module, prefix)
