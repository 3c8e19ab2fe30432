_base_ = "../_base_/schedules/imagenet_finetune_30e.py"

model = dict(model_name="dinat_s_large")
