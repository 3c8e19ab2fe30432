# How the shipped weights went on: wider and higher pairs, the rate falling to nothing. Two processes, one core each.
# They ran it in two parts and with `textures` (see their card).
_base_ = [
    "../_base_/models/match_stereo_nano.py",
    "../_base_/datasets/stereo_synthetic.py",
    "../_base_/schedules/stereo_100k.py",
]

load_from = "work_dirs/match-stereo_nano_synthetic/iter_500.pth"

max_iters = 2000
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=5e-4, weight_decay=1e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=50, by_epoch=False),
    dict(type="CosineAnnealingLR", T_max=max_iters - 50, eta_min=5e-6, begin=50, end=max_iters, by_epoch=False),
]
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004)]
default_hooks = dict(checkpoint=dict(interval=200))
auto_scale_lr = dict(base_batch_size=2)
