# Published: 35.4 mask AP.
_base_ = [
    "../_base_/mmdet_iterations.py",
    "../_base_/mask2former_dinat-large_instance.py",
    "../_base_/ade20k_instance.py",
    "../_base_/schedule_mask2former.py",
]

things = 100
model = dict(
    data_preprocessor=dict(batch_augments=[dict(**_base_.batch_pad, size=(640, 640), pad_seg=False)]),
    panoptic_head=dict(num_things_classes=things, loss_cls=dict(class_weight=[1.0] * things + [0.1])),
    panoptic_fusion_head=dict(num_things_classes=things),
)
