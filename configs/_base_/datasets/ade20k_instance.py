# ADE20K's 100 things with masks: a random short side, crops of 640 x 640, tested with a short side of 640.
_base_ = "mmdet::_base_/datasets/ade20k_instance.py"

data_root = "data/ade/ADEChallengeData2016/"

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="RandomChoiceResize", scales=[(2560, 64 * i) for i in range(5, 21)], keep_ratio=True),
    dict(
        type="RandomCrop",
        crop_size=(640, 640),
        crop_type="absolute",
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type="PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1e-5, 1e-5), by_mask=True),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type="ADE20KInstanceDataset",
        data_root=data_root,
        ann_file="ade20k_instance_train.json",
        data_prefix=dict(img="images/training"),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "ade20k_instance_val.json")
test_evaluator = val_evaluator
