# Published: 52.0 box AP, 44.9 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        embed_dim=96,
        depths=[3, 4, 18, 5],
        num_heads=[3, 6, 12, 24],
        mlp_ratio=2.0,
        drop_path_rate=0.3,
        layer_scale=1e-5,
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
