# Trained without these sources and tested on them: how the recipe does on generators and cameras it never saw.
_base_ = ["../dual-frequency_demo.py", "../../_base_/datasets/forgery_holdout.py"]

held_out = ["latent_diffusion", "taef2_pairs", "imagenet_sample", "raccoon"]
train_dataloader = dict(dataset=dict(exclude_sources=held_out))
test_dataloader = dict(dataset=dict(include_sources=held_out))
