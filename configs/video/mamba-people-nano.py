# The last phase: the memory is added to the network and trained alone, of a key frame and two references.
_base_ = [
    "../_base_/models/mamba_people_nano.py",
    "../_base_/datasets/people_clips.py",
    "../_base_/datasets/people_video.py",
]

load_from = "work_dirs/mamba-people-nano_all/iter_1200.pth"

model = dict(train_memory_only=True)

max_iters = 700
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        num_refs=2,
        length=4 * max_iters,
        sources=[
            dict(ann_file=_base_.data_root + "penn.json", weight=0.3),
            dict(ann_file=_base_.data_root + "tud.json", weight=0.2),
            dict(ann_file=_base_.data_root + "mot.json", weight=0.15),
            dict(ann_file=_base_.data_root + "photos.json", weight=0.2),
            dict(ann_file=_base_.data_root + "onebyone.json", weight=0.1),
            dict(ann_file=_base_.data_root + "negatives.json", weight=0.05),
        ],
    ),
)
train_cfg = dict(max_iters=max_iters)
auto_scale_lr = dict(base_batch_size=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type="OneCycleLR", eta_max=1e-3, pct_start=0.1, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.004)]
