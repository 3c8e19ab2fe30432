# How the shipped weights began: small crops, a constant rate. Two processes: tools/dist_train.sh CONFIG 2. They had
# `textures`, too (see their card).
_base_ = [
    "../_base_/models/match_stereo_nano.py",
    "../_base_/datasets/stereo_synthetic.py",
    "../_base_/schedules/stereo_100k.py",
]

max_iters = 500
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        _delete_=True,
        type="SyntheticStereo",
        size=(192, 384),
        length=1_000_000,
        num_textures=384,
        textures=_base_.textures,
        transforms=[dict(type="PackStereo")],
    ),
)
optim_wrapper = dict(optimizer=dict(lr=6e-4, weight_decay=1e-4))
param_scheduler = dict(_delete_=True, type="LinearLR", start_factor=0.05, end=100, by_epoch=False)
custom_hooks = []
default_hooks = dict(checkpoint=dict(interval=100))
auto_scale_lr = dict(base_batch_size=4)
