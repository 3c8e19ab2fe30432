# Mask2Former with DiNAT-Large in mmdet, for the things and stuff of COCO.
_base_ = "./mask2former_dinat-large_instance.py"

things, stuff = 80, 53

model = dict(
    data_preprocessor=dict(
        pad_seg=True,
        seg_pad_value=255,
        batch_augments=[dict(**_base_.batch_pad, size=(1024, 1024), pad_seg=True)],
    ),
    panoptic_head=dict(num_stuff_classes=stuff, loss_cls=dict(class_weight=[1.0] * (things + stuff) + [0.1])),
    panoptic_fusion_head=dict(num_stuff_classes=stuff),
    test_cfg=dict(panoptic_on=True),
)
