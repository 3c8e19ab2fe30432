# Published: 84.5 mIoU at several scales.
_base_ = [
    "../_base_/runtime/mmseg.py",
    "../_base_/models/mask2former_dinat-large_semantic.py",
    "../_base_/datasets/cityscapes_512x1024.py",
    "../_base_/schedules/mask2former_160k.py",
]

num_classes = 19
model = dict(
    data_preprocessor=dict(size=(512, 1024)),
    decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])),
)
train_cfg = dict(max_iters=90000)
param_scheduler = dict(end=90000)
