# Single frames, without memory.
_base_ = [
    "../_base_/runtime/video_mmdet.py",
    "../_base_/models/faster-rcnn_r50-dc5_video.py",
    "../_base_/datasets/imagenet_vid.py",
    "../_base_/schedules/vid_3e.py",
]
