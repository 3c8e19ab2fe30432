# The shipped model's second phase: the memory is added to the network of the first and trained with it, of a key frame
# and two references.
_base_ = ["../_base_/models/mamba_people_nano.py", "../_base_/datasets/people_clips.py"]

load_from = "work_dirs/mamba-people-nano_single/iter_4000.pth"

max_iters = 1500
train_dataloader = dict(batch_size=4, dataset=dict(num_refs=2, length=4 * max_iters))
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = dict(type="OneCycleLR", eta_max=2e-4, pct_start=0.05, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004)]
