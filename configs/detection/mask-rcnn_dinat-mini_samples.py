# Mask R-CNN with DiNAT-Mini from random weights, on the six photographs of tools/prepare_sample_coco.py. It learns them
# by heart and is tested on them: an AP near 1 shows that training works end to end, and nothing about other images.
_base_ = "./mask-rcnn_dinat-mini_3x_coco.py"

classes = ("person", "cat", "cup", "saucer", "spoon", "rocket", "flower", "coin")
metainfo = dict(
    classes=classes,
    palette=[
        (230, 60, 60),
        (60, 180, 75),
        (255, 170, 30),
        (70, 130, 255),
        (190, 80, 220),
        (40, 200, 210),
        (255, 105, 180),
        (170, 220, 40),
    ],
)

# backbones.recommend_dilations(320) gives the dilations: those for COCO are for images of 1333x800. Nothing is dropped.
# The heads see 128 regions per image, not 512: on one CPU core a step takes 5 s in place of 8.
model = dict(
    backbone=dict(
        dilations=[[1, 11, 1], [1, 5, 1, 5], [1, 2, 1, 2, 1, 2], [1, 1, 1, 1, 1]],
        drop_path_rate=0.0,
    ),
    # The rocket on its pad is twelve times as tall as it is wide.
    rpn_head=dict(anchor_generator=dict(ratios=[0.5, 1.0, 2.0, 8.0])),
    roi_head=dict(bbox_head=dict(num_classes=len(classes)), mask_head=dict(num_classes=len(classes))),
    train_cfg=dict(rcnn=dict(sampler=dict(num=128))),
)

# No augmentation: the test sees the very images of training.
load_annotations = dict(type="LoadAnnotations", with_bbox=True, with_mask=True)
resize = dict(type="Resize", scale=(480, 320), keep_ratio=True)
meta_keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")
train_pipeline = [dict(type="LoadImageFromFile"), load_annotations, resize, dict(type="PackDetInputs")]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    resize,
    load_annotations,
    dict(type="PackDetInputs", meta_keys=meta_keys),
]

data_root = "data/samples/"
samples = dict(data_root=data_root, ann_file="annotations.json", data_prefix=dict(img="images/"), metainfo=metainfo)
train_dataloader = dict(num_workers=1, dataset=dict(**samples, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**samples, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations.json")
test_evaluator = val_evaluator

# Three iterations an epoch.
max_epochs = 80
optim_wrapper = dict(optimizer=dict(lr=2e-4), clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", eta_min=2e-6, T_max=max_epochs, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=1))
randomness = dict(seed=0)
