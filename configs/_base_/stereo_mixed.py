# Many sets at once, for networks that shall work on any picture: SceneFlow, CREStereo, Spring, Middlebury;
# judged on ETH3D.
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
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ETH3DDataset", data_root=data_root + "eth3d/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="StereoMetric")
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
