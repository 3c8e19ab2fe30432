# Optical flow: FlyingThings3D and MPI Sintel, both passes; judged on KITTI 2015.
_base_ = "./stereo_augment.py"

# Read here alone: elsewhere than in data/, set data_root of each data set, or make data/ a link.
data_root = "data/"

train_dataloader = dict(
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
    dataset=dict(type="KITTIFlowDataset", data_root=data_root + "kitti2015/", transforms=[dict(type="PackStereo")]),
)
test_dataloader = {**_base_.val_dataloader, **val_dataloader}
test_evaluator = _base_.val_evaluator
