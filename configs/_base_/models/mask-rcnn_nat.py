# Mask R-CNN with NAT-Mini. It starts from random weights; ImageNet weights are given on the command line:
# --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = "mmdet::_base_/models/mask-rcnn_r50_fpn.py"

model = dict(
    backbone=dict(_delete_=True, type="NAT", variant="mini", out_indices=(0, 1, 2, 3)),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
