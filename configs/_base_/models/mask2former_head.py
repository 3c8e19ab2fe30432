# Mask2Former's head (arXiv 2112.01527), the same for mmdet and mmseg: the latter's wraps the former's, so parts are
# named with mmdet's scope. What depends on the classes is left to those who inherit.
channels, heads = 256, 8

attention = dict(embed_dims=channels, num_heads=heads, batch_first=True)
positions = dict(num_feats=channels // 2, normalize=True)

mask_head = dict(
    in_channels=[192, 384, 768, 1536],
    strides=[4, 8, 16, 32],
    feat_channels=channels,
    out_channels=channels,
    num_transformer_feat_level=3,
    pixel_decoder=dict(
        type="mmdet.MSDeformAttnPixelDecoder",
        num_outs=3,
        norm_cfg=dict(type="GN", num_groups=32),
        act_cfg=dict(type="ReLU"),
        encoder=dict(
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=dict(**attention, num_levels=3, num_points=4, dropout=0.0),
                ffn_cfg=dict(embed_dims=channels, feedforward_channels=1024, num_fcs=2, ffn_drop=0.0),
            ),
        ),
        positional_encoding=positions,
    ),
    enforce_decoder_input_project=False,
    positional_encoding=positions,
    transformer_decoder=dict(
        return_intermediate=True,
        num_layers=9,
        layer_cfg=dict(
            self_attn_cfg=attention,
            cross_attn_cfg=attention,
            ffn_cfg=dict(embed_dims=channels, feedforward_channels=2048, num_fcs=2, ffn_drop=0.0),
        ),
        init_cfg=None,
    ),
    loss_mask=dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True, reduction="mean", loss_weight=5.0),
    loss_dice=dict(
        type="mmdet.DiceLoss",
        use_sigmoid=True,
        activate=True,
        reduction="mean",
        naive_dice=True,
        eps=1.0,
        loss_weight=5.0,
    ),
)
loss_cls = dict(type="mmdet.CrossEntropyLoss", use_sigmoid=False, loss_weight=2.0, reduction="mean")

mask_train_cfg = dict(
    num_points=112**2,
    oversample_ratio=3.0,
    importance_sample_ratio=0.75,
    assigner=dict(
        type="mmdet.HungarianAssigner",
        match_costs=[
            dict(type="mmdet.ClassificationCost", weight=2.0),
            dict(type="mmdet.CrossEntropyLossCost", weight=5.0, use_sigmoid=True),
            dict(type="mmdet.DiceCost", weight=5.0, pred_act=True, eps=1.0),
        ],
    ),
    sampler=dict(type="mmdet.MaskPseudoSampler"),
)
