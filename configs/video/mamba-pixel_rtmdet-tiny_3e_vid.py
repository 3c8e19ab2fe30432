# One stage: RTMDet-tiny, whose maps of strides 16 and 32 share a memory of pixels. RTMDet's own schedule, shortened;
# COCO weights of mmdet can be given on the command line.
_base_ = [
    "../_base_/runtime/video_mmdet.py",
    "../_base_/models/rtmdet-tiny_video.py",
    "../_base_/datasets/imagenet_vid_references.py",
    "../_base_/schedules/vid_3e.py",
]

model = dict(pixel=dict(embed_dim=96, num_heads=4, levels=(1, 2)))
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True),
    clip_grad=dict(max_norm=35, norm_type=2),
)
