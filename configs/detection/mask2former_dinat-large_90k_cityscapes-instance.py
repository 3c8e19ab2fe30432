# Published: 45.1 mask AP.
_base_ = [
    "../_base_/runtime/mmdet_iterations.py",
    "../_base_/models/mask2former_dinat-large_instance.py",
    "../_base_/datasets/cityscapes_instance.py",
    "../_base_/schedules/mask2former_160k.py",
]

things = 8
model = dict(
    data_preprocessor=dict(batch_augments=[dict(**_base_.batch_pad, size=(512, 1024), pad_seg=False)]),
    panoptic_head=dict(num_things_classes=things, loss_cls=dict(class_weight=[1.0] * things + [0.1])),
    panoptic_fusion_head=dict(num_things_classes=things),
)
train_cfg = dict(max_iters=90000)
param_scheduler = dict(end=90000)
