# A one-stage network for people on CPUs, and how it is trained.
_base_ = "../runtime/video.py"

model = dict(
    type="VideoTrainer",
    network=dict(
        type="VideoNetwork",
        classes=("person",),
        memory=dict(num_heads=4, pixels_per_box=50, bank=dict(max_length=4000, key_length=1000)),
    ),
)

train_cfg = dict(type="IterBasedTrainLoop", max_iters=1000)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-4, weight_decay=0.02),
    clip_grad=dict(max_norm=10.0),
)
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=500),
)
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
