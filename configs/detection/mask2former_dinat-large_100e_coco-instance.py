# Published: 50.8 mask AP.
_base_ = [
    "../_base_/mmdet_iterations.py",
    "../_base_/mask2former_dinat-large_instance.py",
    "../_base_/coco_lsj_instance.py",
    "../_base_/schedule_mask2former.py",
]

train_cfg = dict(max_iters=737500)
param_scheduler = dict(
    _delete_=True, type="MultiStepLR", by_epoch=False, begin=0, end=737500, milestones=[655556, 710184], gamma=0.1
)
