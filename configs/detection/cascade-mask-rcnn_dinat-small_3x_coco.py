# Published: 52.9 box AP, 45.8 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(type="DiNAT", variant="small", dilations=_base_.dilations.dinat_deep, drop_path_rate=0.5),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
