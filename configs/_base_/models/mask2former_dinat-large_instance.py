# Mask2Former with DiNAT-Large in mmdet, for the instances of COCO.
_base_ = ["./dinat-large_11x11.py", "./mask2former_head.py"]

# Every batch has one size, as in the original.
batch_pad = dict(type="BatchFixedSizePad", img_pad_value=0, pad_mask=True, mask_pad_value=0, seg_pad_value=255)
things = 80

model = dict(
    type="Mask2Former",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
        pad_mask=True,
        mask_pad_value=0,
        batch_augments=[dict(**batch_pad, size=(1024, 1024), pad_seg=False)],
    ),
    panoptic_head=dict(
        **_base_.mask_head,
        type="Mask2FormerHead",
        num_things_classes=things,
        num_stuff_classes=0,
        num_queries=200,
        loss_cls=dict(**_base_.loss_cls, class_weight=[1.0] * things + [0.1]),
    ),
    panoptic_fusion_head=dict(
        type="MaskFormerFusionHead", num_things_classes=things, num_stuff_classes=0, loss_panoptic=None
    ),
    train_cfg=_base_.mask_train_cfg,
    test_cfg=dict(
        panoptic_on=False,
        semantic_on=False,
        instance_on=True,
        max_per_image=100,
        iou_thr=0.8,
        filter_low_score=True,
    ),
)
