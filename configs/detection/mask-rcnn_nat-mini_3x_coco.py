# Published: 46.5 box AP, 41.7 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]
