_base_ = "../_base_/imagenet_300e.py"

model = dict(model_name="dinat_mini")
