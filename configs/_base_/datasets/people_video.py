# People in whole videos, for testing: a file in CocoVID's form, frames as they are (the network resizes them itself).
# --cfg-options test_dataloader.dataset.ann_file=FILE test_dataloader.dataset.data_prefix.img_path=FOLDER
test_pipeline = [
    dict(
        type="TransformBroadcaster",
        transforms=[dict(type="LoadImageFromFile"), dict(type="LoadTrackAnnotations")],
    ),
    dict(type="PackTrackInputs", meta_keys=("video_name",)),
]
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="VideoSampler"),
    batch_sampler=dict(type="VideoBatchSampler"),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="CocoVID",
        data_root="data/people/",
        ann_file="test.json",
        data_prefix=dict(img_path=""),
        metainfo=dict(classes=("person",)),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_cfg = dict(type="TestLoop")
test_evaluator = dict(type="VIDMetric")
