# Published: 52.3 box AP, 45.1 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(variant="base"),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
