# Training that counts iterations: one cycle of AdamW with clipped gradients and an average of the weights. Schedule and
# loss of the published MatchStereo were not published: these are ours.
_base_ = "../runtime/stereo.py"

max_iters = 100_000
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=max_iters)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=4e-4, weight_decay=1e-5),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = dict(type="OneCycleLR", eta_max=4e-4, pct_start=0.02, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.001)]
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=5000),
)
log_processor = dict(by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=8)
