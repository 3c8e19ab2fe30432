# How the shipped weights ended: more than half of the pairs soft, as small images are when they are matched enlarged.
# Two processes, with --amp. `textures` were the folder that the card of the weights lists; see stereo_synthetic.py.
_base_ = [
    "../_base_/models/match_stereo_nano.py",
    "../_base_/datasets/stereo_synthetic.py",
    "../_base_/schedules/stereo_100k.py",
]

load_from = "work_dirs/match-stereo_nano_synthetic-mixed/iter_2000.pth"

max_iters = 5400
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="StereoConcat",
        datasets=[
            dict(
                type="SyntheticStereo",
                size=size,
                length=300_000,
                seed=seed,
                num_textures=250,
                textures=_base_.textures,
                transforms=[dict(type="RandomSoften"), dict(type="PackStereo")],
            )
            for size, seed in (((256, 512), 71), ((256, 640), 72), ((192, 896), 73), ((320, 640), 74))
        ],
    ),
)
optim_wrapper = dict(optimizer=dict(lr=5e-4, weight_decay=1e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, end=50, by_epoch=False),
    dict(type="CosineAnnealingLR", T_max=max_iters - 2600, eta_min=5e-6, begin=2600, end=max_iters, by_epoch=False),
]
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004)]
default_hooks = dict(checkpoint=dict(interval=200))
auto_scale_lr = dict(base_batch_size=2)
