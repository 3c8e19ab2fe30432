# Mask2Former with DiNAT-Large in mmseg, for the 150 classes of ADE20K.
_base_ = ["./dinat-large_11x11.py", "./mask2former_head.py"]

num_classes = 150

model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(640, 640),
        test_cfg=dict(size_divisor=32),
    ),
    decode_head=dict(
        **_base_.mask_head,
        type="Mask2FormerHead",
        num_classes=num_classes,
        num_queries=100,
        align_corners=False,
        loss_cls=dict(**_base_.loss_cls, class_weight=[1.0] * num_classes + [0.1]),
        train_cfg=_base_.mask_train_cfg,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="whole"),
)
