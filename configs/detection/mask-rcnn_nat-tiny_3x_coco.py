# Published: 47.7 box AP, 42.6 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        depths=[3, 4, 18, 5],
    ),
)
