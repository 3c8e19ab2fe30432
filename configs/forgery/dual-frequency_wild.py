# The demo's recipe with histories as the web makes them, cameras and made-up generators. No weights of it ship yet.
_base_ = [
    "../_base_/runtime/forgery.py",
    "../_base_/models/dual_frequency_wild.py",
    "../_base_/datasets/forgery_wild.py",
]

data_root = "data/forensics/"  # <source>/{0_real,1_fake}/*
held_out = []  # sources to leave out of training

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="BalancedSourceSampler", num_samples=1600, alpha=0.5),
    dataset=dict(
        type="ForgeryDataset",
        data_root=data_root,
        layout="plain",
        exclude_sources=held_out,
        crop_size=128,
        transforms=_base_.train_transforms,
        real_transforms=_base_.real_transforms,
        pseudo_transforms=_base_.pseudo_transforms,
        pseudo_prob=_base_.pseudo_prob,
        cache=True,
    ),
)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
max_epochs = 60
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs)
param_scheduler = dict(
    type="OneCycleLR", eta_max=2e-3, pct_start=0.1, total_steps=max_epochs, convert_to_iter_based=True
)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004, update_buffers=True)]
default_hooks = dict(checkpoint=dict(interval=10))
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=32)
