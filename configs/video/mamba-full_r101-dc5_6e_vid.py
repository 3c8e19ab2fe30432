# Twice as long: the rate falls after four of six epochs.
_base_ = "./mamba-full_r101-dc5_3e_vid.py"

max_epochs = 6
param_scheduler = [
    dict(type="LinearLR", start_factor=1.0 / 3.0, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=max_epochs, milestones=[4], gamma=0.1),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
