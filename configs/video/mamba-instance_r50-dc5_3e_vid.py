# MAMBA with the memory of instances alone.
_base_ = [
    "../_base_/runtime/video_mmdet.py",
    "../_base_/models/faster-rcnn_r50-dc5_video.py",
    "../_base_/datasets/imagenet_vid_references.py",
    "../_base_/schedules/vid_3e.py",
]

model = dict(
    detector=dict(
        roi_head=dict(
            type="MambaRoIHead", bbox_head=dict(type="MambaBBoxHead", num_shared_fcs=2, num_heads=16, topk=75)
        ),
    ),
)
