# Published: 52.6 box AP, 45.3 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        type="DiNATS",
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        dilations=[[1, 28], [1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3]],
        mlp_ratio=4.0,
        drop_path_rate=0.6,
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)

optim_wrapper = dict(optimizer=dict(lr=7.5e-5))
