# The second phase: the same network on all data, the held out sequence and pictures without people among them.
_base_ = [
    "../_base_/models/mamba_people_nano.py",
    "../_base_/datasets/people_clips.py",
    "../_base_/datasets/people_video.py",
]

load_from = "work_dirs/mamba-people-nano_single/iter_3000.pth"

model = dict(network=dict(memory=None))

max_iters = 1200
train_dataloader = dict(dataset=dict(mosaic=0.5, length=8 * max_iters))
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(type="OneCycleLR", eta_max=1e-4, pct_start=0.05, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.002)]
