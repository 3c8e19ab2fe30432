# Published: 49.3 box AP, 44.0 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        type="DiNAT",
        embed_dim=96,
        depths=[3, 4, 18, 5],
        num_heads=[3, 6, 12, 24],
        dilations=[[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3, 1, 3, 1]],
        mlp_ratio=2.0,
        drop_path_rate=0.35,
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
