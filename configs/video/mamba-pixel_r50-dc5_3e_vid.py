# MAMBA with the memory of pixels alone.
_base_ = [
    "../_base_/runtime/video_mmdet.py",
    "../_base_/models/faster-rcnn_r50-dc5_video.py",
    "../_base_/datasets/imagenet_vid_references.py",
    "../_base_/schedules/vid_3e.py",
]

model = dict(pixel=dict(embed_dim=512, num_heads=16))
