# Published: 49.4 PQ.
_base_ = [
    "../_base_/runtime/mmdet_iterations.py",
    "../_base_/models/mask2former_dinat-large_panoptic.py",
    "../_base_/datasets/ade20k_panoptic.py",
    "../_base_/schedules/mask2former_160k.py",
]

things, stuff = 100, 50
model = dict(
    data_preprocessor=dict(batch_augments=[dict(**_base_.batch_pad, size=(640, 640), pad_seg=True)]),
    panoptic_head=dict(
        num_things_classes=things,
        num_stuff_classes=stuff,
        loss_cls=dict(class_weight=[1.0] * (things + stuff) + [0.1]),
    ),
    panoptic_fusion_head=dict(num_things_classes=things, num_stuff_classes=stuff),
    # Only the panoptic quality is scored.
    test_cfg=dict(instance_on=False),
)
