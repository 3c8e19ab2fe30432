# Pictures as the web delivers them: a network at half size beside residual statistics. No weights of it ship yet.
_base_ = [
    "../_base_/runtime/forgery.py",
    "../_base_/models/dual_frequency_wild.py",
    "../_base_/datasets/forgery_wild.py",
    "../_base_/schedules/forgery.py",
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
        crop_size=_base_.crop_size,
        transforms=_base_.train_transforms,
        real_transforms=_base_.real_transforms,
        cache=True,
    ),
)

max_epochs = 40
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = dict(total_steps=max_epochs)
default_hooks = dict(checkpoint=dict(interval=10))
