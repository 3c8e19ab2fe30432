# Published: 51.2 box AP, 44.4 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(backbone=dict(type="DiNAT", dilations=_base_.dilations.dinat))
