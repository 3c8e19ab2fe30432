# 160,000 iterations of 8 x 2 images in float32. A tenth of the rate for the backbone; no decay of its position biases
# and norms. Of the keys that occur in a parameter's name mmengine takes the longest, so those must outdo "backbone".
backbone_undecayed = dict(lr_mult=0.1, decay_mult=0.0)
undecayed = dict(decay_mult=0.0)
undecayed_names = (".attn.rpb", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "downsample.norm")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            "backbone": dict(lr_mult=0.1),
            "backbone.norm": backbone_undecayed,
            "backbone.patch_embed.norm": backbone_undecayed,
            **dict.fromkeys(undecayed_names, backbone_undecayed),
            "query_embed": undecayed,
            "query_feat": undecayed,
            "level_embed": undecayed,
        },
    ),
)
param_scheduler = dict(type="PolyLR", eta_min=0.0, power=0.9, by_epoch=False, begin=0, end=160000)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160000, val_interval=5000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(enable=False, base_batch_size=16)
