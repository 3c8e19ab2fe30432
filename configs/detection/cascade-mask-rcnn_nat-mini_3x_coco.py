# Published: 50.3 box AP, 43.6 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]
