# The published recipe of DFFreq (arXiv 2501.15253): ProGAN, four classes, Adam, the rate times 0.9 every 10 epochs.
_base_ = ["../_base_/runtime/forgery.py", "../_base_/datasets/forgery_progan.py"]

model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyNet"),
    head=dict(type="ForgeryHead", in_channels=512),
)

optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999)))
param_scheduler = dict(type="StepLR", step_size=10, gamma=0.9)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=101)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(enable=False, base_batch_size=128)
