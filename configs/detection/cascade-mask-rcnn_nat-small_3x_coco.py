# Published: 52.0 box AP, 44.9 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(variant="small"),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
