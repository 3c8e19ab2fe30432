# Optical flow: FlyingThings3D and MPI Sintel, both passes; judged on KITTI 2015.
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
            dict(type=name, data_root=data_root + folder, render_pass=render_pass, transforms=_base_.train_transforms)
            for name, folder in {"FlyingThingsFlowDataset": "sceneflow/", "SintelDataset": "sintel/"}.items()
            for render_pass in ("clean", "final")
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="KITTIFlowDataset", data_root=data_root + "kitti2015/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="StereoMetric")
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
