# KITTI 2012 and 2015, training on both; judged on pairs of 2015 that it trains on, for
# the test set has no public truth: that shows progress, not how well it does.
_base_ = "./stereo_augment.py"

# Read here alone: elsewhere than in data/, set data_root of each data set, or make data/ a link.
data_root = "data/"

train_dataloader = dict(
    dataset=dict(
        type="StereoConcat",
        datasets=[
            dict(type="KITTI2012Dataset", data_root=data_root + "kitti2012/", transforms=_base_.train_transforms),
            dict(type="KITTI2015Dataset", data_root=data_root + "kitti2015/", transforms=_base_.train_transforms),
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(type="KITTI2015Dataset", data_root=data_root + "kitti2015/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = {**_base_.val_dataloader, **val_dataloader}
test_evaluator = _base_.val_evaluator
