# SceneFlow: FlyingThings3D, Monkaa and Driving (arXiv 1512.02134), clean and final pass.
_base_ = "./stereo_augment.py"

# Read here alone: elsewhere than in data/, set data_root of each data set, or make data/ a link.
data_root = "data/sceneflow/"

train_dataloader = dict(
    dataset=dict(
        type="StereoConcat",
        datasets=[
            dict(type="SceneFlowDataset", data_root=data_root, render_pass=name, transforms=_base_.train_transforms)
            for name in ("clean", "final")
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(type="SceneFlowDataset", data_root=data_root, split="test", transforms=[dict(type="PackStereo")]),
)
test_dataloader = {**_base_.val_dataloader, **val_dataloader}
val_evaluator = dict(type="StereoMetric", max_disparity=192)
test_evaluator = val_evaluator
