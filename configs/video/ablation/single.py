# Does memory help? A small Faster R-CNN on generated clips, on a CPU: single frames. benchmarks/video_ablation.py runs
# it and the others of this folder: all go on from the weights of start.py, for the same number of steps.
_base_ = [
    "../../_base_/runtime/video_mmdet.py",
    "../../_base_/models/faster-rcnn_r50-dc5_video.py",
    "../../_base_/datasets/synthetic_video.py",
]

channels, stride = 128, 8
model = dict(
    data_preprocessor=dict(pad_size_divisor=stride),
    detector=dict(
        # From random weights, on one map of stride 8.
        backbone=dict(
            depth=18,
            base_channels=16,
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 2),
            frozen_stages=-1,
            norm_eval=False,
            init_cfg=None,
        ),
        neck=dict(in_channels=[128], out_channels=channels),
        rpn_head=dict(
            in_channels=channels,
            feat_channels=channels,
            anchor_generator=dict(scales=[2, 4, 8], strides=[stride]),
        ),
        roi_head=dict(
            bbox_roi_extractor=dict(roi_layer=dict(output_size=5), out_channels=channels, featmap_strides=[stride]),
            bbox_head=dict(in_channels=channels, fc_out_channels=256, roi_feat_size=5, num_classes=2),
        ),
        train_cfg=dict(
            rpn=dict(sampler=dict(num=64)),
            rpn_proposal=dict(nms_pre=400, max_per_img=100),
            # Few, half of them objects: most of the loss is about their class.
            rcnn=dict(sampler=dict(num=32, pos_fraction=0.5)),
        ),
        test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=50), rcnn=dict(score_thr=1e-3, max_per_img=20)),
    ),
)

max_iters = 900
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters)
# Tested once, at the end.
val_cfg = val_dataloader = val_evaluator = None
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = dict(type="OneCycleLR", eta_max=1e-3, pct_start=0.1, total_steps=max_iters, by_epoch=False)
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1),
)
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=4)
