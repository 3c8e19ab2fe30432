# ImageNet VID (15 frames of each video) and the pictures of ImageNet DET as videos of one frame, single key frames;
# judged on all frames of VID's validation videos. Images have their short side at 600 pixels, the other at most 1000.
data_root = "data/ILSVRC/"

load = [dict(type="LoadImageFromFile"), dict(type="LoadTrackAnnotations")]
resize = dict(type="Resize", scale=(1000, 600), keep_ratio=True)
train_frames = [*load, resize, dict(type="RandomFlip", prob=0.5)]
train_pipeline = [
    dict(type="BilateralUniformSample", num_ref_imgs=0),
    dict(type="TransformBroadcaster", share_random_params=True, transforms=train_frames),
    dict(type="PackTrackInputs"),
]
test_pipeline = [
    dict(type="TransformBroadcaster", transforms=[*load, resize]),
    dict(type="PackTrackInputs", meta_keys=("video_name",)),
]

vid = dict(
    type="ImageNetVID",
    data_root=data_root,
    ann_file="annotations/imagenet_vid_train.json",
    data_prefix=dict(img_path="Data/VID/"),
    pipeline=train_pipeline,
)
det = dict(
    type="ImageNetDET",
    data_root=data_root,
    ann_file="annotations/imagenet_det_30plus1cls.json",
    data_prefix=dict(img_path="Data/DET/"),
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="VideoSampler"),
    batch_sampler=dict(type="VideoBatchSampler"),
    dataset=dict(type="VideoConcat", datasets=[vid, det]),
)
val_dataset = {**vid, "ann_file": "annotations/imagenet_vid_val.json", "pipeline": test_pipeline, "test_mode": True}
val_dataloader = {**train_dataloader, "dataset": val_dataset}
test_dataloader = val_dataloader
val_evaluator = dict(type="VIDMetric")
test_evaluator = val_evaluator
