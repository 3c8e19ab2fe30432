# Your own images, data/pictures/{train,val}/<class>/*, from published weights:
# --cfg-options model.num_classes=12 model.checkpoint=dinat_tiny_in1k_224.pth
_base_ = "../_base_/schedules/imagenet_finetune_30e.py"

model = dict(model_name="dinat_tiny", num_classes=2, model_args=dict(drop_path_rate=0.1))

data_root = "data/pictures/"
train_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(data_root=data_root))
val_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator

max_epochs = 10
optim_wrapper = dict(optimizer=dict(lr=2e-4, weight_decay=0.05))
param_scheduler = dict(
    _delete_=True, type="OneCycleLR", eta_max=2e-4, pct_start=0.2, total_steps=max_epochs, convert_to_iter_based=True
)
train_cfg = dict(max_epochs=max_epochs)
# A few hundred iterations are too few for the slow average of the published recipe.
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.01)]
auto_scale_lr = dict(base_batch_size=32)
