# Published: 51.4 box AP, 44.5 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]

model = dict(
    backbone=dict(
        depths=[3, 4, 18, 5],
        drop_path_rate=0.3,
    ),
)
