_base_ = "../_base_/imagenet_finetune_30e.py"

model = dict(model_name="dinat_large")
