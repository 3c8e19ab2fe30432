# Published: 52.3 box AP, 45.1 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        embed_dim=128,
        depths=[3, 4, 18, 5],
        num_heads=[4, 8, 16, 32],
        mlp_ratio=2.0,
        drop_path_rate=0.5,
        layer_scale=1e-5,
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
