# Published: 54.8 box AP, 47.2 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        type="DiNATS",
        embed_dim=192,
        depths=[2, 2, 18, 2],
        num_heads=[6, 12, 24, 48],
        dilations=[[1, 28], [1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3]],
        mlp_ratio=4.0,
        drop_path_rate=0.6,
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)

optim_wrapper = dict(optimizer=dict(lr=5e-5))
