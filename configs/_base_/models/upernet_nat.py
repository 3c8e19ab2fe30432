# UPerNet with NAT-Mini for the 150 classes of ADE20K. It starts from random weights; ImageNet weights are given on the
# command line: --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = "mmseg::_base_/models/upernet_swin.py"

model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(_delete_=True, type="NAT", variant="mini", out_indices=(0, 1, 2, 3)),
    decode_head=dict(in_channels=[64, 128, 256, 512], num_classes=150),
    auxiliary_head=dict(in_channels=256, num_classes=150),
)
