# ADE20K's 100 things and 50 stuff classes: a random short side, crops of 640 x 640, tested with a short side of 640.
# Reading the labels and scoring need the package panopticapi, which mmdet does not install.
_base_ = "mmdet::_base_/datasets/ade20k_panoptic.py"

data_root = "data/ade/ADEChallengeData2016/"

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadPanopticAnnotations", with_bbox=True, with_mask=True, with_seg=True),
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
    dict(type="PackDetInputs"),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type="ADE20KPanopticDataset",
        data_root=data_root,
        ann_file="ade20k_panoptic_train.json",
        data_prefix=dict(img="images/training/", seg="ade20k_panoptic_train/"),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(
    ann_file=data_root + "ade20k_panoptic_val.json",
    seg_prefix=data_root + "ade20k_panoptic_val/",
)
test_evaluator = val_evaluator
