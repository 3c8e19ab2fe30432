# The backbone of the Mask2Former configs: DiNAT-Large with windows of 11 x 11. It starts from random weights; ImageNet
# weights, of either window size, are given on the command line:
# --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
model = dict(
    backbone=dict(
        type="DiNAT",
        variant="large_384_11x11",
        dilations=[[1, 14, 1], [1, 4, 1, 7], [1, 2, 1, 3] * 4 + [1, 3], [1] * 5],
        drop_path_rate=0.3,
        out_indices=(0, 1, 2, 3),
    ),
)
