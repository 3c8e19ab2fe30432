# What data sets of stereo pairs and of frames share: transforms, loaders, evaluation. Heirs say which data sets.
crop = (320, 736)

train_transforms = [
    dict(type="RandomStereoScale", scale=(0.8, 1.5), min_size=crop),
    dict(type="RandomStereoCrop", size=crop),
    dict(type="RandomStereoFlip"),
    dict(type="RandomStereoColor"),
    dict(type="RandomErase"),
    dict(type="RandomVerticalJitter"),
    dict(type="PackStereo"),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
)
val_evaluator = dict(type="StereoMetric")
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
