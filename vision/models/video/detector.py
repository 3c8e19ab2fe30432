"""A detector for video with memory on two levels (MAMBA, arXiv 2401.09923) around any detector of mmdet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from heads.memory import StreamMemory
from vision.errors import UsageError
from vision.models.video.openmmlab import (
    MODELS,
    BaseMOTModel,
    DetDataSample,
    TrackDataSample,
    samplelist_boxtype2tensor,
)
from vision.models.video.pixel import Maps, PixelLevel
from vision.models.video.roles import MODES, roles_of
from vision.models.video.stages import (
    References,
    check_stages,
    detections,
    losses,
    remembers_instances,
    strides_of,
)
from vision.models.video.streams import VideoStreams


class VideoDetector(BaseMOTModel):
    """Frames of videos -> detections, with what was seen on other frames; mmdet's contract of tracking models.

    The pixel level enhances feature maps by pixels of boxes that were detected before; the instance level, where the
    detector's `roi_head` is a `MambaRoIHead`, enhances proposals by proposals. Without either it is the plain detector.

    Args:
        detector: config of a detector of mmdet of two stages, or of one for the pixel level alone.
        pixel: arguments of the pixel level: `embed_dim` (channels of the maps), `num_heads`, `pixels_per_box`,
            `max_length`, `key_length`, `levels` (indices of the maps that it enhances, which share one layer and one
            bank; (0,) by default) and `min_score` (of boxes whose pixels are kept; 0 by default). None is without.
        mode: "causal" sees a frame and those before it; "offline" first fills the memory of a video with the reference
            frames that come with its frame 0, as published. Training is the same.
        seed: of the random choices of every video's memory.
        data_preprocessor: config of `TrackDataPreprocessor`.
        init_cfg: passed to mmengine's `BaseModel`.

    Raises:
        UsageError: the detector is neither of one stage nor of two, trains in a way of its own (as DETR, panoptic and
            one-stage instance segmentation do), or an argument is out of its range.
    """

    def __init__(
        self,
        detector: dict[str, Any],
        pixel: Mapping[str, Any] | None = None,
        mode: str = "causal",
        seed: int = 0,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if mode not in MODES:
            raise UsageError(f"mode must be 'causal' or 'offline', got {mode!r}", code="usage", value=mode)
        self.mode, self.seed = mode, seed
        self.detector: Any = MODELS.build(detector)
        check_stages(self.detector)
        self.pixel: PixelLevel | None = None
        if pixel is not None:
            self.pixel = PixelLevel(strides=strides_of(self.detector), **pixel)
        self.streams = VideoStreams(self.new_memory)

    @property
    def has_memory(self) -> bool:
        """Whether any frame makes a difference to another."""
        return self.pixel is not None or remembers_instances(self.detector)

    def new_memory(self, seed: int | None = None) -> StreamMemory:
        """An empty memory for one stream of frames."""
        seed = self.seed if seed is None else seed
        pixel = None if self.pixel is None else self.pixel.new_bank(seed)
        instance = self.detector.roi_head.new_banks(seed) if remembers_instances(self.detector) else ()
        return StreamMemory(pixel, tuple(instance))

    def train(self, mode: bool = True) -> VideoDetector:
        """As torch's; what was seen with weights that are about to change is forgotten."""
        if mode and hasattr(self, "streams"):
            self.streams.clear()
        super().train(mode)
        return self

    def set_epoch(self, epoch: int) -> None:
        """Tell the detector, for `SetEpochInfoHook`: some of mmdet's begin with another loss."""
        if hasattr(self.detector, "set_epoch"):
            self.detector.set_epoch(epoch)

    def loss(self, inputs: Tensor, data_samples: list[TrackDataSample], **kwargs: Any) -> dict[str, Tensor]:
        """The detector's losses on key frames, which see their reference frames.

        Args:
            inputs: `[N, T, C, H, W]`, normalized: N times T frames of one video each.
            data_samples: N, which say by `key_frames_inds` and `ref_frames_inds` what the T frames are.
            kwargs: nothing; mmdet's signature.
        """
        frames = [frame for sample in data_samples for frame in sample.video_data_samples]
        keys, references = [], []
        for start, sample in zip(range(0, len(frames), inputs.shape[1]), data_samples, strict=True):
            own, seen = roles_of(sample)
            keys += [start + i for i in own]
            references += [[start + i for i in seen] if self.has_memory else []] * len(own)
        # Each frame once, though several key frames may share references, and none that nothing looks at.
        wanted = sorted({*keys, *(i for seen in references for i in seen)})
        row = {frame: i for i, frame in enumerate(wanted)}
        maps: Maps = tuple(self.detector.extract_feat(inputs.flatten(0, 1)[wanted]))
        key_maps = _rows(maps, [row[i] for i in keys])
        seen_maps = [_rows(maps, [row[i] for i in seen]) if seen else None for seen in references]
        if self.pixel is not None:
            key_maps, seen_maps = self.pixel.learn(key_maps, seen_maps)
        samples = [frames[i] for i in keys]
        samplelist_boxtype2tensor(samples)
        context = [
            None if one is None else References(one, [frames[i] for i in seen])
            for one, seen in zip(seen_maps, references, strict=True)
        ]
        return losses(self.detector, key_maps, samples, context)

    def test_step(self, data: dict[str, Any]) -> list[TrackDataSample]:
        """As mmengine's, of one sample after another: they may differ in size and in their number of frames."""
        self.streams.expect(len(data["inputs"]))
        results = []
        for inputs, sample in zip(data["inputs"], data["data_samples"], strict=True):
            alone = self.data_preprocessor({"inputs": [inputs], "data_samples": [sample]}, False)
            results += self._run_forward(alone, mode="predict")
        return results

    val_step = test_step

    def predict(self, inputs: Tensor, data_samples: list[TrackDataSample], **kwargs: Any) -> list[TrackDataSample]:
        """Detect on frames in the order in which they come, each with the memory of its video.

        Every frame is computed alone and without the padding that others in the batch need, so that results are those
        of single frames.

        Args:
            inputs: `[N, T, C, H, W]`, normalized.
            data_samples: N, of T frames each, with `video_id`, `frame_id`, sizes. Where `ref_frames_inds` names
                references, "offline" remembers them before the key frames.
            kwargs: nothing; mmdet's signature.

        Returns:
            N samples of their key frames, which have `pred_instances` in pixels of the original frame, and this
            model's `mode`.

        Raises:
            UsageError: the mode is "offline", and a video's frame 0 comes without references.
        """
        self.streams.expect(len(data_samples))
        return [self._key_frames(images, sample) for images, sample in zip(inputs, data_samples, strict=True)]

    def watch(self, image: Tensor, sample: DetDataSample, memory: StreamMemory | None) -> DetDataSample:
        """Detect on one frame, which reads the memory and then writes it; sets `pred_instances` and `mode`.

        Args:
            image: `[1, C, H, W]`, normalized and padded.
            sample: `img_shape`, `ori_shape`, `scale_factor`, and `pad_shape` where the padding is more than its own.
            memory: of the frame's stream; None detects without, and keeps nothing.
        """
        height, width = sample.metainfo.get("pad_shape", image.shape[-2:])[:2]
        image = image[..., :height, :width]
        sample.set_metainfo({"batch_input_shape": tuple(image.shape[-2:]), "mode": self.mode})
        # Pipelines that do not resize leave it out.
        scale_factor = sample.metainfo.get("scale_factor", (1.0, 1.0))
        sample.set_metainfo({"scale_factor": scale_factor})
        plain: Maps = tuple(self.detector.extract_feat(image))
        pixel, bank = self.pixel, None if memory is None else memory.pixel
        maps = plain if pixel is None or bank is None else pixel.read(plain, bank)
        found = detections(self.detector, maps, sample, memory)
        if pixel is not None and bank is not None:
            boxes = (found.bboxes * found.bboxes.new_tensor(scale_factor).repeat(2))[found.scores >= pixel.min_score]
            pixel.write(plain, boxes, bank)
        self.detector.add_pred_to_datasample([sample], [found])
        return sample

    def _key_frames(self, images: Tensor, sample: TrackDataSample) -> TrackDataSample:
        keys, references = roles_of(sample)
        for i in keys:
            memory = self._memory_of(sample[i]) if self.has_memory else None
            if memory is not None and self.mode == "offline" and sample[i].metainfo.get("frame_id") == 0:
                self._remember(images, sample, references, memory)
            self.watch(images[i : i + 1], sample[i], memory)
        found = TrackDataSample(metainfo={"key_frames_inds": list(range(len(keys))), "ref_frames_inds": []})
        found.video_data_samples = [sample[i] for i in keys]
        return found

    def _memory_of(self, frame: DetDataSample) -> StreamMemory | None:
        known = frame.metainfo
        if "frame_id" not in known:
            raise UsageError(
                "frames for a video detector need a frame_id; let PackTrackInputs pack video_id and frame_id",
                code="bad-config",
                value="frame_id",
            )
        return self.streams.memory_of(known.get("video_id", 0), int(known["frame_id"]))

    def _remember(self, images: Tensor, sample: TrackDataSample, references: list[int], memory: StreamMemory) -> None:
        if not references:
            raise UsageError(
                "mode='offline' needs reference frames with frame 0 of every video: give the test data set references, "
                "or set mode='causal'",
                code="bad-config",
                value=self.mode,
            )
        for i in references:
            self.watch(images[i : i + 1], sample[i], memory)


def _rows(maps: Maps, rows: list[int]) -> Maps:
    return tuple(level[rows] for level in maps)
