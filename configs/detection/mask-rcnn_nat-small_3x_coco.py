# Published: 48.4 box AP, 43.2 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/mask-rcnn_nat.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(variant="small", drop_path_rate=0.35),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
