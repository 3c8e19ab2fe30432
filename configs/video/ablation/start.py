# What the detectors of this folder begin with: objects found and told apart in sharp frames, each alone.
_base_ = "./single.py"

train_dataloader = dict(batch_size=8, dataset=dict(degraded=0.0))
auto_scale_lr = dict(base_batch_size=8)

# Until they are told apart: what sharp frames do not know, no memory of them can tell.
max_iters = 1500
train_cfg = dict(max_iters=max_iters)
param_scheduler = dict(type="OneCycleLR", eta_max=1e-3, pct_start=0.1, total_steps=max_iters, by_epoch=False)
default_hooks = dict(checkpoint=dict(interval=max_iters))
