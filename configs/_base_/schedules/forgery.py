# Small detectors on few images: AdamW over one cycle, averaged weights.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
max_epochs = 50
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs)
param_scheduler = dict(
    type="OneCycleLR", eta_max=2e-3, pct_start=0.1, total_steps=max_epochs, convert_to_iter_based=True
)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004, update_buffers=True)]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=32)
