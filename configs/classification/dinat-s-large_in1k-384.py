_base_ = "../_base_/schedules/imagenet_finetune_30e.py"

model = dict(model_name="dinat_s_large_384")
train_dataloader = dict(dataset=dict(transform=dict(input_size=384)))
val_dataloader = dict(dataset=dict(transform=dict(input_size=384, crop_pct=1.0)))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(weight_decay=1e-5))
