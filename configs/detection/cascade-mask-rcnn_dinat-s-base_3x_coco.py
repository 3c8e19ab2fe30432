# Published: 52.6 box AP, 45.3 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(type="DiNATS", variant="base", dilations=_base_.dilations.dinat_s_deep, drop_path_rate=0.6),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)

optim_wrapper = dict(optimizer=dict(lr=7.5e-5))
