# How the shipped weights began: single frames, no memory, nothing of the sequence that is held out. The start is a
# detector of COCO's classes that is free to use (see the card of the weights), as tools/convert_nanodet.py writes it.
_base_ = [
    "../_base_/models/mamba_people_nano.py",
    "../_base_/datasets/people_clips.py",
    "../_base_/datasets/people_video.py",
]

load_from = "work_dirs/nanodet-g_person.pth"

model = dict(network=dict(memory=None))

max_iters = 3000
train_dataloader = dict(
    dataset=dict(
        mosaic=0.5,
        length=8 * max_iters,
        sources=[
            dict(ann_file=_base_.data_root + "penn.json", weight=0.5),
            dict(ann_file=_base_.data_root + "mot.json", weight=0.1),
            dict(ann_file=_base_.data_root + "photos.json", weight=0.3),
            dict(ann_file=_base_.data_root + "onebyone.json", weight=0.1),
        ],
    ),
)
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1.5e-4))
param_scheduler = dict(type="OneCycleLR", eta_max=1.5e-4, pct_start=0.05, total_steps=max_iters, by_epoch=False)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.002)]
