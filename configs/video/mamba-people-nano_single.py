# The shipped model's first phase: single frames, no memory. It starts from a detector of COCO's classes that is free to
# use (see its card); `tools/convert_nanodet.py` writes that file.
_base_ = ["../_base_/models/mamba_people_nano.py", "../_base_/datasets/people_clips.py"]

load_from = "work_dirs/nanodet-g_person.pth"

model = dict(network=dict(memory=None))

max_iters = 4000
train_dataloader = dict(batch_size=8, dataset=dict(mosaic=0.5, length=8 * max_iters))
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = dict(type="OneCycleLR", eta_max=3e-4, pct_start=0.05, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.002)]
