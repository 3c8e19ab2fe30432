# Published: 48.6 mIoU at one scale, 49.9 at several.
_base_ = [
    "../_base_/runtime/mmseg.py",
    "../_base_/models/upernet_nat.py",
    "../_base_/models/dilations_ade20k.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/upernet_160k.py",
]

model = dict(
    backbone=dict(type="DiNATS", variant="small", dilations=_base_.dilations.dinat_s_deep),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
    auxiliary_head=dict(in_channels=384),
)
