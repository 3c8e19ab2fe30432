# One stage: RetinaNet, whose maps of strides 16 and 32 share a memory of pixels. Most objects of ImageNet VID are found
# on these two, and the map of stride 8 alone would cost more than both.
_base_ = [
    "../_base_/runtime/video_mmdet.py",
    "../_base_/models/retinanet_r50_video.py",
    "../_base_/datasets/imagenet_vid_references.py",
    "../_base_/schedules/vid_3e.py",
]

model = dict(pixel=dict(embed_dim=256, num_heads=16, levels=(1, 2)))
