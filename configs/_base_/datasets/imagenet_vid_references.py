# Each key frame comes with two references from within 1000 frames of it, on both sides; all are flipped alike.
_base_ = "./imagenet_vid.py"

train_pipeline = [
    dict(type="BilateralUniformSample", num_ref_imgs=2, frame_range=1000),
    dict(type="TransformBroadcaster", share_random_params=True, transforms=_base_.train_frames),
    dict(type="PackTrackInputs"),
]
train_dataloader = dict(
    dataset=dict(datasets=[{**part, "pipeline": train_pipeline} for part in (_base_.vid, _base_.det)])
)
