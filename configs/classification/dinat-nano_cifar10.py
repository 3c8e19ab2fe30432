# A small DiNAT from random weights on CIFAR-10, on a CPU; tools/prepare_cifar10.py makes the data. Images are made
# 64x64, so stages hold 16x16 to 2x2 tokens; backbones.recommend_dilations(64, 3, (2, 2, 4, 2)) gives the dilations.
_base_ = ["../_base_/runtime/classification.py", "../_base_/datasets/imagenet.py"]

model = dict(
    type="TimmClassifier",
    model_name="dinat_mini",
    num_classes=10,
    model_args=dict(
        embed_dim=32,
        depths=(2, 2, 4, 2),
        num_heads=(1, 2, 4, 8),
        kernel_size=3,
        dilations=((1, 5), (1, 2), (1, 1, 1, 1), (1, 1)),
        mlp_ratio=3.0,
        drop_path_rate=0.1,
    ),
    label_smoothing=0.1,
)

data_root = "data/cifar10/"
train_transform = dict(
    input_size=64,
    is_training=True,
    scale=(0.5, 1.0),
    ratio=(0.9, 1.111),
    color_jitter=0.2,
    interpolation="bilinear",
    re_prob=0.1,
    re_mode="pixel",
)
val_transform = dict(input_size=64, crop_pct=1.0, interpolation="bilinear")
train_dataloader = dict(
    batch_size=128, num_workers=1, dataset=dict(data_root=data_root, transform=dict(_delete_=True, **train_transform))
)
val_dataloader = dict(
    batch_size=250, num_workers=1, dataset=dict(data_root=data_root, transform=dict(_delete_=True, **val_transform))
)
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1, 3))
test_evaluator = val_evaluator

max_epochs = 16
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(bias_decay_mult=0.0, custom_keys={"rpb": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0)}),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = dict(
    type="OneCycleLR", eta_max=2e-3, pct_start=0.15, total_steps=max_epochs, convert_to_iter_based=True
)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=1)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.002)]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1, save_best="accuracy/top1"))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=128)
