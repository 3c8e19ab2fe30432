# DiNAT on one map of stride 16, in the place of a ResNet's C5. Its last stage keeps the stride of the one before: the
# weights of the published classifiers stay as they are, and the wider view of the last stage comes at stride 16, which
# a neck over two maps would leave at 32. Its dilations are twice those of a last stage at stride 32, as in a dilated
# C5; the others reach over an image of 1000x600. ImageNet weights are given on the command line:
# --cfg-options model.detector.backbone.init_cfg.type=Pretrained model.detector.backbone.init_cfg.checkpoint=FILE
dinat_dc5 = dict(
    mini=dict(
        backbone=dict(
            _delete_=True,
            type="DiNAT",
            variant="mini",
            out_indices=(3,),
            last_stride=1,
            dilations=[[1, 21, 1], [1, 5, 1, 10], [1, 3, 1, 4, 1, 5], [2, 5, 2, 5, 2]],
        ),
        neck=dict(in_channels=[512]),
    ),
    tiny=dict(
        backbone=dict(
            _delete_=True,
            type="DiNAT",
            variant="tiny",
            out_indices=(3,),
            last_stride=1,
            dilations=[[1, 21, 1], [1, 5, 1, 10], [1, 3, 1, 4, 1, 5] * 3, [2, 5, 2, 5, 2]],
        ),
        neck=dict(in_channels=[512]),
    ),
)
# As for COCO, for 8 key frames in the place of 16 images.
dinat_optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-5, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(custom_keys={"rpb": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0)}),
)
