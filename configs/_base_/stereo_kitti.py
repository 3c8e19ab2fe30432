# KITTI 2012 and 2015, training on both; judged on the 2015 training pairs, for the test set has no public truth.
_base_ = "./stereo_augment.py"

data_root = "data/"

train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="StereoConcat",
        datasets=[
            dict(type="KITTI2012Dataset", data_root=data_root + "kitti2012/", transforms=_base_.train_transforms),
            dict(type="KITTI2015Dataset", data_root=data_root + "kitti2015/", transforms=_base_.train_transforms),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="KITTI2015Dataset", data_root=data_root + "kitti2015/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="StereoMetric")
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
