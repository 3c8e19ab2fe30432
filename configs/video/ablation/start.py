# What the detectors of this folder begin with: objects found and told apart in sharp frames, each alone.
_base_ = "./single.py"

train_dataloader = dict(batch_size=8, dataset=dict(degraded=0.0))
auto_scale_lr = dict(base_batch_size=8)
