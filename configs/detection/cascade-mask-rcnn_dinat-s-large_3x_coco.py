# Published: 54.8 box AP, 47.2 mask AP.
_base_ = [
    "../_base_/runtime/mmdet.py",
    "../_base_/models/cascade-mask-rcnn_nat.py",
    "../_base_/models/dilations_coco.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/coco_3x.py",
]

model = dict(
    backbone=dict(type="DiNATS", variant="large", dilations=_base_.dilations.dinat_s_deep, drop_path_rate=0.6),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)

optim_wrapper = dict(optimizer=dict(lr=5e-5))
