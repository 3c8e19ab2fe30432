# Published: 58.5 PQ.
_base_ = [
    "../_base_/runtime/mmdet_iterations.py",
    "../_base_/models/mask2former_dinat-large_panoptic.py",
    "../_base_/datasets/coco_lsj_panoptic.py",
    "../_base_/schedules/mask2former_160k.py",
]

train_cfg = dict(max_iters=737500)
param_scheduler = dict(
    _delete_=True, type="MultiStepLR", by_epoch=False, begin=0, end=737500, milestones=[655556, 710184], gamma=0.1
)
