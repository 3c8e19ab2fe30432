# Generated clips of striped and dotted disks, small enough for a CPU, of which half of the frames are blurred by motion
# or out of focus on purpose: disks can be found there, but hardly told apart. Each process makes a frame once.
train_frames = [
    dict(type="LoadSyntheticFrame"),
    dict(type="LoadTrackAnnotations"),
    dict(type="RandomFlip", prob=0.5),
]
train_pipeline = [
    dict(type="BilateralUniformSample", num_ref_imgs=2),
    dict(type="TransformBroadcaster", share_random_params=True, transforms=train_frames),
    dict(type="PackTrackInputs"),
]
test_pipeline = [
    dict(type="TransformBroadcaster", transforms=train_frames[:2]),
    dict(type="PackTrackInputs", meta_keys=("video_name", "degraded")),
]
clips = dict(
    type="SyntheticVideo",
    classes=("striped disk", "dotted disk"),
    size=(120, 160),
    num_frames=24,
    objects=(2, 4),
    degraded=0.5,
    faults=("motion", "defocus"),
    severity=(1.2, 1.8),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="VideoSampler"),
    batch_sampler=dict(type="VideoBatchSampler"),
    dataset={**clips, "num_videos": 160, "seed": 1, "pipeline": train_pipeline},
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="VideoSampler"),
    batch_sampler=dict(type="VideoBatchSampler"),
    dataset={**clips, "num_videos": 20, "seed": 2, "pipeline": test_pipeline, "test_mode": True},
)
test_dataloader = val_dataloader
val_evaluator = dict(type="VIDMetric")
test_evaluator = val_evaluator
