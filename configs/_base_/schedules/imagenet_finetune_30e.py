# From ImageNet-22k weights to ImageNet-1k: 30 epochs at a small rate that falls linearly, nothing mixed. The weights:
# --cfg-options model.checkpoint=dinat_large_in22k_224.pth
_base_ = ["../runtime/classification.py", "../datasets/imagenet.py"]

model = dict(type="TimmClassifier", label_smoothing=0.1)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-5, weight_decay=1e-4),
    paramwise_cfg=dict(
        bias_decay_mult=0.0,
        custom_keys={"rpb": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0), "gamma": dict(decay_mult=0.0)},
    ),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = dict(type="LinearLR", start_factor=1.0, end_factor=0.0, end=30, convert_to_iter_based=True)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=30)
train_dataloader = dict(batch_size=64)
# The average of the weights is not in the published recipe.
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=1e-4)]
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
randomness = dict(seed=42)
auto_scale_lr = dict(enable=False, base_batch_size=512)
