# Many sets at once, for networks that should work on any image: SceneFlow, CREStereo, Spring, Middlebury;
# judged on ETH3D.
_base_ = "./stereo_augment.py"

# Read here alone: elsewhere than in data/, set data_root of each data set, or make data/ a link.
data_root = "data/"

train_dataloader = dict(
    dataset=dict(
        type="StereoConcat",
        datasets=[
            dict(type=name, data_root=data_root + folder, transforms=_base_.train_transforms)
            for name, folder in {
                "SceneFlowDataset": "sceneflow/",
                "CREStereoDataset": "crestereo/",
                "SpringDataset": "spring/",
                "MiddleburyDataset": "middlebury/",
            }.items()
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(type="ETH3DDataset", data_root=data_root + "eth3d/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = {**_base_.val_dataloader, **val_dataloader}
test_evaluator = _base_.val_evaluator
