# Cascade Mask R-CNN with NAT-Mini; its box heads have four convolutions and learn from the GIoU of decoded boxes.
# It starts from random weights; ImageNet weights are given on the command line:
# --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = "mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py"

model = dict(
    backbone=dict(_delete_=True, type="NAT", variant="mini", out_indices=(0, 1, 2, 3)),
    neck=dict(in_channels=[64, 128, 256, 512]),
    roi_head=dict(
        bbox_head=[
            dict(
                type="ConvFCBBoxHead",
                num_shared_convs=4,
                num_shared_fcs=1,
                in_channels=256,
                conv_out_channels=256,
                fc_out_channels=1024,
                roi_feat_size=7,
                num_classes=80,
                norm_cfg=dict(type="SyncBN", requires_grad=True),
                bbox_coder=dict(type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4, target_stds=[xy, xy, wh, wh]),
                reg_class_agnostic=False,
                reg_decoded_bbox=True,
                loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
                loss_bbox=dict(type="GIoULoss", loss_weight=10.0),
            )
            for xy, wh in ((0.1, 0.2), (0.05, 0.1), (0.033, 0.067))
        ]
    ),
)
