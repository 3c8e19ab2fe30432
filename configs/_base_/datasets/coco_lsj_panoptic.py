# COCO's things and stuff with large-scale jittering: resized to 0.1 to 2 times 1024 pixels, then cropped to 1024.
# Reading the labels and scoring need the package panopticapi, which mmdet does not install.
_base_ = "mmdet::_base_/datasets/coco_panoptic.py"

train_pipeline = [
    dict(type="LoadImageFromFile", to_float32=True),
    dict(type="LoadPanopticAnnotations", with_bbox=True, with_mask=True, with_seg=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="RandomResize", scale=(1024, 1024), ratio_range=(0.1, 2.0), keep_ratio=True),
    dict(
        type="RandomCrop",
        crop_size=(1024, 1024),
        crop_type="absolute",
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
annotations = _base_.data_root + "annotations/"
val_evaluator = [
    dict(
        type="CocoPanopticMetric",
        ann_file=annotations + "panoptic_val2017.json",
        seg_prefix=annotations + "panoptic_val2017/",
    ),
    dict(type="CocoMetric", ann_file=annotations + "instances_val2017.json", metric=["bbox", "segm"]),
]
test_evaluator = val_evaluator
