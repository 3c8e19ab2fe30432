"""Depth from two images: disparity, occlusion and confidence of both views, also for images that exceed memory."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import nn

from vision.apis.base import (
    ImageInput,
    Inferencer,
    check_least,
    check_precision,
    is_image,
    name_of,
    not_a_number,
    read_ahead,
)
from vision.apis.stereo.checks import disagreement_warning, swapped_warning
from vision.apis.stereo.fields import agreement
from vision.apis.stereo.limits import MAX_SCALE, MIN_SCALE, MIN_TILE
from vision.apis.stereo.matching import PairMatcher, Size
from vision.apis.stereo.memory import TooLargeError, allocating
from vision.apis.stereo.pair import PairInput, StereoPair, prepare_pair
from vision.apis.stereo.texture import MAX_CONFIDENCE_OF_PLAIN, textureless
from vision.device import usable_device
from vision.errors import Notice, UsageError, notice_of
from vision.geometry.calibration import StereoCalibration
from vision.geometry.cameras import CameraPair
from vision.geometry.depth import depth_of
from vision.geometry.placement import placement_notices
from vision.geometry.rectifier import Rectifier
from vision.images import MAX_PIXELS
from vision.layers import pack_for_inference
from vision.models.stereo.sizes import MIN_SIZE as MIN_MODEL_SIDE  # smaller images the model extends itself
from vision.models.table import FLOW, STEREO, default_model, find_variant, require_weights
from vision.structures.stereo import StereoResult

Pair: TypeAlias = "tuple[ImageInput, ImageInput] | PairInput"

DEFAULT_MODEL, DEFAULT_FLOW_MODEL = default_model(STEREO), default_model(FLOW)


class StereoInferencer(Inferencer["Pair", StereoResult]):
    """Finds how far every pixel of a left view is displaced in the right view.

    ```python
    infer = StereoInferencer()
    disparity = infer.disparity("left.png", "right.png")          # float32 [H, W], positive
    for result in infer.stream([("a_left.png", "a_right.png"), ...]):
        ...  # also occlusion, confidence, the right view's
    ```

    A pair that cannot be used gives a result with `error` set, and the others go on. Pairs are read in a thread while
    the model works.

    Args:
        model: a name of `vision.models.match_stereo_models()`; None is the table's default, "match_stereo_nano", or
            "match_flow_base" for flow.
        checkpoint: weights instead of the shipped ones.
        device: "cpu", "cuda", "cuda:1" ...; None takes CUDA when there is one.
        precision: "fp32", "bf16" or "fp16"; the last two by autocast.
        scale: how many times images are enlarged for matching, or below 1 reduced, 0.1 to 4; disparities are those of
            the full size. Twice the scale finds finer structures in four times the time. None is 1, but for networks
            of the variant "nano", whose shipped weights were trained for it, up to 2: as far as that makes at most 1
            million pixels, or one tile, and as memory allows (else the result has a warning).
        max_size: images with a longer side are reduced to it for matching, and enlarged only up to it.
        tile: match images of more than tile x tile pixels in overlapping tiles of at most that size, in bounded
            memory. None matches any image whole, or refuses it when it does not fit.
        coarse_to_fine: match copies of half the size first and start from what they give, a quarter more work; tiles do
            so anyway, and what has a start has no need.
        flow: optical flow between two images in time instead of disparity; needs a flow model.
        calibration: of rectified pairs, for `StereoResult.depth`.
        cameras: of raw pairs instead, which are rectified first. Results are of the rectified views, with depth.
        checks: warn of views that look unrectified, swapped, or unrelated (0.1 to 0.4 s per pair, while another is
            matched).
        max_pixels: refuse larger files, by their header.
        network: a network with the interface of `vision.models.MatchStereo` to use instead of a named one; it is put in
            eval mode and packed (`vision.layers.pack_for_inference`).
        on_tile: called with the number of tiles of a pair that are done, and that of all its tiles.

    Raises:
        UsageError: an argument outside its range, an unknown model or device, a model that has no weights.
        vision.models.CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        model: str | None = None,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        scale: float | None = None,
        max_size: int | None = None,
        tile: int | None = None,
        coarse_to_fine: bool = False,
        flow: bool = False,
        calibration: StereoCalibration | None = None,
        cameras: CameraPair | None = None,
        checks: bool = True,
        max_pixels: int = MAX_PIXELS,
        network: nn.Module | None = None,
        on_tile: Callable[[int, int], None] | None = None,
    ) -> None:
        _check(precision, scale, max_size, tile, max_pixels)
        if flow and (calibration is not None or cameras is not None):
            message = "flow is of two images of one camera; a calibration of two cameras does not apply to it"
            raise UsageError(message, code="conflicting-arguments")
        if calibration is not None and cameras is not None:
            message = "cameras give the calibration of the pairs that they rectify; give one of the two"
            raise UsageError(message, code="conflicting-arguments")
        self.device = usable_device(device)
        self.flow, self.checks, self.max_pixels = flow, checks, max_pixels
        self.calibration, self.cameras = calibration, cameras
        if network is None:
            network = _named(model or (DEFAULT_FLOW_MODEL if flow else DEFAULT_MODEL), checkpoint)
        if getattr(network, "stereo", not flow) == flow:
            kind, other = ("stereo", "without flow") if flow else ("flow", "with flow=True")
            message = f"{model or 'the network'} is a {kind} model; use it {other}, or another model"
            raise UsageError(message, code="wrong-task", value=kind)
        self.network = pack_for_inference(network.eval().to(self.device))
        row = find_variant(getattr(network, "variant", None), STEREO, FLOW)
        settings = {} if row is None else row.settings
        self.matcher = PairMatcher(
            self.network,
            self.device,
            precision,
            flow,
            scale=settings.get("scale", 1.0) if scale is None else scale,
            max_size=max_size,
            tile=tile,
            coarse_to_fine=coarse_to_fine,
            on_tile=on_tile,
        )
        self._rectifying: CameraPair | None = None
        self._rectifiers: dict[tuple[int, int], Rectifier] = {}

    def __call__(self, pairs: Pair | Iterable[Pair]) -> list[StereoResult]:
        """Match pairs of paths, or of uint8 RGB arrays `[H, W, 3]` (also `[H, W]` gray); or a single pair, a tuple.

        A `vision.apis.stereo.pair.PairInput` in place of a tuple may have a calibration of its own, or both views in
        one file.

        Returns:
            One result per pair, in the order given. Each holds its images and fields: take `stream` for many pairs.
        """
        return list(self.stream(pairs))

    def stream(self, pairs: Pair | Iterable[Pair]) -> Iterator[StereoResult]:
        """As a call, but yields each result as soon as it is there; reads ahead only one pair."""
        if isinstance(pairs, tuple) and len(pairs) == 2 and all(is_image(view) for view in pairs):
            pairs = [pairs]  # type: ignore[list-item]
        elif isinstance(pairs, PairInput):
            pairs = [pairs]
        for pair in read_ahead(self._read, pairs):  # type: ignore[arg-type]
            yield self.finish(pair)[0]

    def match(self, left: ImageInput, right: ImageInput) -> StereoResult:
        """Match one pair."""
        return next(self.stream([(left, right)]))

    def disparity(self, left: ImageInput, right: ImageInput) -> np.ndarray:
        """Disparity of the left view, float32 `[H, W]` in pixels, positive.

        Raises:
            UsageError: the pair cannot be matched; the message says why.
        """
        if self.flow:
            raise UsageError("this inferencer was made for flow; take .match(left, right).flow", code="wrong-task")
        names = ("left array", "right array")
        result = self.finish(self.prepare(left, right, names, checks=False))[0]  # nobody would see warnings
        if result.disparity is None:
            code, value = getattr(result.error, "code", "usage"), getattr(result.error, "value", None)
            raise UsageError(f"{result.left}: {result.error}", code=code, value=value)
        return result.disparity

    def finish(self, pair: StereoPair, start: np.ndarray | None = None) -> tuple[StereoResult, np.ndarray | None]:
        """Match a prepared pair.

        Args:
            pair: of two images, or with an error.
            start: a field `[2, H, W, C]` to start from, such as that of the frame before.

        Returns:
            The result, and the field that it was made of.
        """
        result = StereoResult(pair.left, pair.right, warnings=list(pair.warnings), error=pair.error)
        if pair.image is None or pair.image_right is None or pair.error is not None:
            return result, None
        began = time.perf_counter()
        height, width = pair.image.shape[:2]
        size = self.matcher.size_for(height, width)
        result.warnings += _size_notes(size, self.matcher.size_wanted(height, width))
        result.scale = round(size.width / width, 4)
        try:
            field = self.matcher(pair.image, pair.image_right, size, start)
            result.seconds = time.perf_counter() - began
            if not np.isfinite(field).all():
                result.error = not_a_number(self.matcher.precision)
                return result, None
            with allocating(f"results of {width} x {height} pixels", self.device, self.matcher.advice()):
                self._fill(result, field, pair)
        except TooLargeError as error:
            return StereoResult(pair.left, pair.right, warnings=result.warnings, error=notice_of(error)), None
        return result, field

    def prepare(self, left: ImageInput, right: ImageInput, names: tuple[str, str], checks: bool) -> StereoPair:
        """Read, check and rectify one pair; what goes wrong is noted in it."""
        pair = prepare_pair(left, right, names, self.max_pixels, checks, self.flow, self._geometry)
        return _with_placement(pair, self.calibration or self.cameras)

    def _geometry(self, height: int, width: int) -> StereoCalibration | Rectifier | None:
        """What is known about pairs of this size."""
        return self._fitted(self.calibration if self.cameras is None else self.cameras, height, width)

    def _fitted(
        self, known: StereoCalibration | CameraPair | None, height: int, width: int
    ) -> StereoCalibration | Rectifier | None:
        """What rectifies is made once, and kept for as long as the cameras are the same."""
        if not isinstance(known, CameraPair):
            return None if known is None else known.fitted(width, height)
        if self._rectifying is not known:
            self._rectifying, self._rectifiers = known, {}
        if (height, width) not in self._rectifiers:
            self._rectifiers[height, width] = Rectifier(known, width, height)
        return self._rectifiers[height, width]

    def _read(self, index: int, pair: Pair) -> StereoPair:
        names = (f"array {index} left", f"array {index} right")
        if isinstance(pair, PairInput):
            return self._read_input(pair, names)
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(is_image(view) for view in pair):
            raise TypeError(f"pair {index} is a {type(pair).__name__}; expected two paths or uint8 RGB arrays")
        return self.prepare(*pair, names, self.checks)

    def _read_input(self, pair: PairInput, names: tuple[str, str]) -> StereoPair:
        if pair.error is not None:
            right = pair.left if pair.right is None else pair.right
            return StereoPair(name_of(pair.left, names[0]), name_of(right, names[1]), error=pair.error)
        own = pair.geometry
        geometry = self._geometry if own is None else functools.partial(self._fitted, own)
        ready = prepare_pair(pair.left, pair.right, names, self.max_pixels, self.checks, self.flow, geometry)
        note = getattr(own, "note", "")
        if isinstance(note, Notice):
            ready.warnings.append(note)
        return _with_placement(ready, own or self.calibration or self.cameras)

    def _fill(self, result: StereoResult, field: np.ndarray, pair: StereoPair) -> None:
        assert pair.image is not None and pair.image_right is not None
        result.image, result.image_right, result.calibration = pair.image, pair.image_right, pair.calibration
        result.rectified = pair.rectified
        (result.confidence, result.confidence_right), (result.occlusion, result.occlusion_right) = agreement(field)
        if self.checks:
            # Views of different scenes do not agree, either: one warning of the two.
            self._warn(result, disagreement_warning(result.occlusion), {"views-disagree", "unrelated-views"})
        if self.flow:
            result.flow, result.flow_back = field
            return
        plain = textureless(pair.image, pair.image_right, field)
        result.textureless, result.textureless_right = plain
        # The two views agree there on what was filled in: that is no evidence.
        np.minimum(result.confidence, MAX_CONFIDENCE_OF_PLAIN, out=result.confidence, where=plain[0])
        np.minimum(result.confidence_right, MAX_CONFIDENCE_OF_PLAIN, out=result.confidence_right, where=plain[1])
        result.disparity, result.disparity_right = -field[0, :, :, 0], np.ascontiguousarray(field[1, :, :, 0])
        if result.calibration is not None:
            result.depth = depth_of(result.disparity, result.calibration)
            if not np.isfinite(result.depth).any():
                median = float(np.median(result.disparity))
                text = (
                    f"no pixel has a depth: disparities (median {median:.1f}) and doffs {result.calibration.doffs:g} "
                    "are not positive together; check the calibration"
                )
                result.warnings.append(Notice(text, "no-depth", median))
        if self.checks:
            doffs = 0.0 if result.calibration is None else result.calibration.doffs
            self._warn(result, swapped_warning(result.disparity, doffs), {"views-swapped"})

    @staticmethod
    def _warn(result: StereoResult, warning: Notice | None, codes: set[str]) -> None:
        """Add a warning, unless one with any of the codes is there."""
        if warning is not None and not any(getattr(known, "code", None) in codes for known in result.warnings):
            result.warnings.append(warning)


def _named(model: str, checkpoint: str | Path | None) -> nn.Module:
    from vision.models import match_stereo

    require_weights(model, checkpoint, STEREO, FLOW)
    return match_stereo(model, checkpoint)


def _with_placement(pair: StereoPair, known: StereoCalibration | CameraPair | None) -> StereoPair:
    """The pair, warned of what its calibration says of images of another size or place."""
    if known is not None and pair.image is not None:
        height, width = pair.image.shape[:2]
        pair.warnings = [*placement_notices(known, width, height), *pair.warnings]
    return pair


def _size_notes(size: Size, wanted: Size) -> list[Notice]:
    notes = []
    if size != wanted:
        text = (
            f"matched at {size.width} x {size.height} pixels, not at {wanted.width} x {wanted.height}: memory is "
            "short, the result is coarser"
        )
        notes.append(Notice(text, "scale-reduced", tuple(size)))
    if min(size) < MIN_MODEL_SIDE:
        least = f"{max(size.width, MIN_MODEL_SIDE)} x {max(size.height, MIN_MODEL_SIDE)}"
        text = (
            f"small images: {size.width} x {size.height} pixels are extended to {least} for the model, the result is "
            "cropped"
        )
        notes.append(Notice(text, "images-extended", tuple(size)))
    return notes


def _check(precision: str, scale: float | None, max_size: int | None, tile: int | None, max_pixels: int) -> None:
    check_precision(precision)
    if scale is not None and not MIN_SCALE <= scale <= MAX_SCALE:
        message = f"scale is {scale}; expected {MIN_SCALE} to {MAX_SCALE:g}"
        raise UsageError(message, code="out-of-range", value=scale)
    if max_size is not None:
        check_least(MIN_MODEL_SIDE, "pixels", max_size=max_size)
    if tile is not None:
        check_least(MIN_TILE, "pixels", tile=tile)
    check_least(1, "pixels", max_pixels=max_pixels)
