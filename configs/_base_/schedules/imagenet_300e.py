# The recipe of NAT and DiNAT from random weights: 8 processes of 128 images, 300 epochs and 10 to cool down. Published
# with mixed precision: tools/train.py --amp. timm counts its cosine from epoch 0, this one from the end of the warmup.
_base_ = ["../runtime/classification.py", "../datasets/imagenet.py"]

model = dict(type="TimmClassifier", mixup=dict(mixup_alpha=0.8, cutmix_alpha=1.0), label_smoothing=0.1)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(
        bias_decay_mult=0.0,
        custom_keys={"rpb": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0), "gamma": dict(decay_mult=0.0)},
    ),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, end=20, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=5e-6, begin=20, end=300, convert_to_iter_based=True),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=310)
# The average of the weights is not in the published recipe.
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=1e-4)]
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
randomness = dict(seed=42)
auto_scale_lr = dict(enable=False, base_batch_size=1024)
