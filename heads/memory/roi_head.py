"""mmdet's second stage whose proposals see those of other frames (MAMBA, arXiv 2401.09923)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from heads.memory.bank import MemoryBank
from heads.memory.openmmlab import (
    DetDataSample,
    InstanceData,
    SamplingResult,
    StandardRoIHead,
    bbox2roi,
    empty_instances,
    unpack_gt_instances,
)
from heads.memory.stream import StreamMemory
from vision.errors import UsageError

Maps = tuple[Tensor, ...]


class MambaRoIHead(StandardRoIHead):
    """`StandardRoIHead` with a `MambaBBoxHead`: in training frames see their references, at test the memory.

    It keeps nothing of any frame: a stream's memory is given with every call, so that many streams can go on at once.
    Masks, where there is a mask head, do without memory.
    """

    def init_bbox_head(self, bbox_roi_extractor: Any, bbox_head: Any) -> None:
        """Build both, and see that the box head takes a memory."""
        super().init_bbox_head(bbox_roi_extractor, bbox_head)
        if not hasattr(self.bbox_head, "forward_memory"):
            kind = type(self.bbox_head).__name__
            raise UsageError(
                f"MambaRoIHead needs bbox_head=dict(type='MambaBBoxHead', ...), got {kind}",
                code="bad-config",
                value=kind,
            )

    def new_banks(self, seed: int = 0) -> tuple[MemoryBank, ...]:
        """Empty banks for one stream of frames, for `StreamMemory(instance=...)`."""
        return self.bbox_head.new_banks(seed)

    def loss(
        self,
        x: Maps,
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
        ref_x: Sequence[Maps | None] | None = None,
        ref_rpn_results_list: Sequence[list[InstanceData] | None] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of N key frames, whose proposals see all proposals of their own reference frames.

        Args:
            x: feature maps `[N, C, H, W]` of every level.
            rpn_results_list: proposals of the N key frames; loses its boxes, as in mmdet.
            batch_data_samples: N, with `gt_instances`.
            ref_x: for each key frame the maps `[R, C, H, W]` of its R reference frames, of every level; None for a
                frame, or for all, is without references.
            ref_rpn_results_list: for each key frame the proposals of its R references.
        """
        count = len(batch_data_samples)
        ref_x = [None] * count if ref_x is None else ref_x
        ref_proposals = [None] * count if ref_rpn_results_list is None else ref_rpn_results_list
        if not len(rpn_results_list) == len(ref_x) == len(ref_proposals) == count:
            raise UsageError(
                f"for {count} key frames there are {len(rpn_results_list)} sets of proposals, {len(ref_x)} of maps of "
                f"references and {len(ref_proposals)} of their proposals",
                code="usage",
                value=count,
            )
        samples, ground_truth = self._sampled(x, rpn_results_list, batch_data_samples)
        losses: dict[str, Tensor] = {}
        if self.with_bbox:
            rois = bbox2roi([sample.priors for sample in samples])
            features = self._pooled(x, rois)
            seen = [self._reference_features(*pair) for pair in zip(ref_x, ref_proposals, strict=True)]
            sizes = [len(sample.priors) for sample in samples]
            outputs = [self.bbox_head(own, ref) for own, ref in zip(features.split(sizes), seen, strict=True)]
            scores, deltas = (_joined(parts) for parts in zip(*outputs, strict=True))
            found = self.bbox_head.loss_and_target(
                cls_score=scores,
                bbox_pred=deltas,
                rois=rois,
                sampling_results=samples,
                rcnn_train_cfg=self.train_cfg,
            )
            losses |= found["loss_bbox"]
        if self.with_mask:
            losses |= self.mask_loss(x, samples, features, ground_truth)["loss_mask"]
        return losses

    def predict(
        self,
        x: Maps,
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
        rescale: bool = False,
        memory: StreamMemory | Sequence[StreamMemory | None] | None = None,
    ) -> list[InstanceData]:
        """Detections of N frames, which one after another read and then write the memory of their stream.

        Args:
            x: feature maps `[N, C, H, W]` of every level.
            rpn_results_list: proposals of the N frames.
            batch_data_samples: N, of which the sizes are read.
            rescale: give boxes in pixels of the original images.
            memory: of the one stream to which all frames belong, or one for each frame (the same one again where they
                belong together). None detects without, and keeps nothing.
        """
        if memory is None:
            return super().predict(x, rpn_results_list, batch_data_samples, rescale=rescale)
        memories: list[StreamMemory | None]
        memories = [memory] * len(batch_data_samples) if isinstance(memory, StreamMemory) else list(memory)
        metas = [sample.metainfo for sample in batch_data_samples]
        found = self._detect(x, metas, rpn_results_list, memories, rescale and not self.with_mask)
        return self.predict_mask(x, metas, found, rescale=rescale) if self.with_mask else found

    def _detect(
        self,
        x: Maps,
        metas: list[dict[str, Any]],
        proposals: list[InstanceData],
        memories: list[StreamMemory | None],
        rescale: bool,
    ) -> list[InstanceData]:
        rois = bbox2roi([frame.bboxes for frame in proposals])
        if len(rois) == 0:  # nothing to read, nothing to write; not every extractor takes no regions
            return empty_instances(
                metas,
                rois.device,
                task_type="bbox",
                box_type=self.bbox_head.predict_box_type,
                num_classes=self.bbox_head.num_classes,
                score_per_cls=self.test_cfg is None,
            )
        sizes = [len(frame) for frame in proposals]
        outputs = []
        for features, frame, memory in zip(self._pooled(x, rois).split(sizes), proposals, memories, strict=True):
            if memory is None:
                outputs.append(self.bbox_head(features))
            else:
                outputs.append(self.bbox_head.forward_memory(features, memory.instance, self._best(frame)))
        scores, deltas = zip(*outputs, strict=True)
        return self.bbox_head.predict_by_feat(
            rois=rois.split(sizes),
            cls_scores=scores,
            bbox_preds=deltas,
            batch_img_metas=metas,
            rcnn_test_cfg=self.test_cfg,
            rescale=rescale,
        )

    def _best(self, proposals: InstanceData) -> Tensor:
        """Indices of the proposals to remember; where they have no scores, the first."""
        count = min(self.bbox_head.topk, len(proposals))
        if "scores" in proposals:
            return proposals.scores.topk(count).indices
        return torch.arange(count, device=proposals.bboxes.device)

    def _reference_features(self, maps: Maps | None, proposals: list[InstanceData] | None) -> Tensor | None:
        if maps is None or proposals is None:
            return None
        rois = bbox2roi([frame.bboxes for frame in proposals])
        return self._pooled(maps, rois) if len(rois) else None

    def _pooled(self, x: Maps, rois: Tensor) -> Tensor:
        """Features `[K, C, h, w]` of regions `[K, 5]`."""
        features = self.bbox_roi_extractor(x[: self.bbox_roi_extractor.num_inputs], rois)
        return self.shared_head(features) if self.with_shared_head else features

    def _sampled(
        self, x: Maps, proposals: list[InstanceData], batch_data_samples: list[DetDataSample]
    ) -> tuple[list[SamplingResult], list[InstanceData]]:
        """Proposals of each frame that training looks at, assigned to ground truth, and that ground truth."""
        ground_truth, ignored, _ = unpack_gt_instances(batch_data_samples)
        samples = []
        for i, (frame, truth, ignore) in enumerate(zip(proposals, ground_truth, ignored, strict=True)):
            frame.priors = frame.pop("bboxes")
            assigned = self.bbox_assigner.assign(frame, truth, ignore)
            samples.append(self.bbox_sampler.sample(assigned, frame, truth, feats=[level[i][None] for level in x]))
        return samples, ground_truth


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    return None if parts[0] is None else torch.cat([part for part in parts if part is not None])
