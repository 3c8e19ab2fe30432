# Published: 46.6 box AP, 42.1 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        type="DiNATS",
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        dilations=[[1, 28], [1, 14], [1, 3, 1, 5, 1, 7], [1, 3]],
        mlp_ratio=4.0,
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
