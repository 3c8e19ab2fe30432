# Published: 46.5 box AP, 41.7 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/mask-rcnn_nat.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]
