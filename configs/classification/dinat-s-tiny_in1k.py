_base_ = ["../_base_/default_runtime.py", "../_base_/imagenet.py", "../_base_/imagenet_300e.py"]

model = dict(model_name="dinat_s_tiny")
