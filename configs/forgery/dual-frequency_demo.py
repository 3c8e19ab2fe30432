# The recipe of the shipped weights. Beside the paper's: the block works on high-pass residuals, a narrower trunk with
# average pooling, sources balanced, JPEG, WebP, blur, noise and mild resizing in training, AdamW with one cycle, EMA.
_base_ = ["../_base_/runtime/forgery.py", "../_base_/schedules/forgery.py"]

data_root = "data/forensics/"  # <source>/{0_real,1_fake}/*
held_out = []  # sources to leave out of training; see the holdout folder

model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyNet", width=32, residual=True, pool="avg"),
    head=dict(type="ForgeryHead", in_channels=256, dropout=0.2, label_smoothing=0.04),
)

# Of a window a little larger than the final crop: whole images would cost four times the time.
train_transforms = [
    dict(type="RandomCrop", size=192),
    dict(type="RandomResize", factor=(0.8, 1.25), prob=0.2),
    dict(type="RandomJPEG", quality=(50, 100), prob=0.1),
    dict(type="RandomBlur", sigma=(0.2, 1.5), prob=0.1),
    dict(type="RandomNoise", sigma=(0.5, 6.0), prob=0.1),
    dict(type="RandomCrop", size=136),
    dict(type="RandomJPEG", quality=(30, 100), prob=0.45),
    dict(type="RandomWebP", quality=(30, 100), prob=0.05),
    dict(type="RandomFlip"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="BalancedSourceSampler", num_samples=1088, alpha=0.5),
    dataset=dict(
        type="ForgeryDataset",
        data_root=data_root,
        layout="plain",
        exclude_sources=held_out,
        crop_size=128,
        transforms=train_transforms,
        cache=True,
    ),
)
default_hooks = dict(checkpoint=dict(interval=10))
