# Published: 50.3 box AP, 43.6 mask AP.
_base_ = [
    "../_base_/mmdet_runtime.py",
    "../_base_/cascade-mask-rcnn_nat.py",
    "../_base_/coco_instance.py",
    "../_base_/schedule_3x.py",
]
