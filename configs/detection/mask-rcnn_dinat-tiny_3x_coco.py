# Published: 48.6 box AP, 43.5 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(backbone=dict(type="DiNAT", variant="tiny", dilations=_base_.dilations.dinat_deep))
