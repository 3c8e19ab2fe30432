_base_ = "../_base_/schedules/imagenet_300e.py"

model = dict(model_name="nat_tiny")
