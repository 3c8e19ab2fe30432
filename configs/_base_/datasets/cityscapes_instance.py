# Cityscapes' 8 things with masks: a random short side, crops of 512 x 1024, tested on whole images.
# One of its metrics needs the package cityscapesscripts, which mmdet does not install.
_base_ = "mmdet::_base_/datasets/cityscapes_instance.py"

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(
        type="RandomChoiceResize",
        scales=[(4096, int(1024 * i * 0.1)) for i in range(5, 21)],
        keep_ratio=True,
    ),
    dict(
        type="RandomCrop",
        crop_size=(512, 1024),
        crop_type="absolute",
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type="PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1e-5, 1e-5), by_mask=True),
    dict(type="PackDetInputs"),
]
# Not repeated as in mmdet: the schedule counts iterations.
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        _delete_=True,
        type="CityscapesDataset",
        data_root=_base_.data_root,
        ann_file="annotations/instancesonly_filtered_gtFine_train.json",
        data_prefix=dict(img="leftImg8bit/train/"),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
