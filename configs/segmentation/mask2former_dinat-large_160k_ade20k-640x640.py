# Published: 58.1 mIoU at several scales.
_base_ = [
    "../_base_/runtime/mmseg.py",
    "../_base_/models/mask2former_dinat-large_semantic.py",
    "../_base_/datasets/ade20k_640x640.py",
    "../_base_/schedules/mask2former_160k.py",
]

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", reduce_zero_label=True),
    dict(
        type="RandomChoiceResize",
        scales=[64 * i for i in range(5, 21)],
        resize_type="ResizeShortestEdge",
        max_size=2560,
    ),
    dict(type="RandomCrop", crop_size=(640, 640), cat_max_ratio=1.0),
    dict(type="PhotoMetricDistortion"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
