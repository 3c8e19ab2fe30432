# Published: 48.6 box AP, 43.5 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        type="DiNAT",
        depths=[3, 4, 18, 5],
        dilations=[[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3, 1, 3, 1]],
    ),
)
