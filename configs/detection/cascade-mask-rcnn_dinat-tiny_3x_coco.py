# Published: 52.2 box AP, 45.1 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(backbone=dict(type="DiNAT", variant="tiny", dilations=_base_.dilations.dinat_deep, drop_path_rate=0.3))
