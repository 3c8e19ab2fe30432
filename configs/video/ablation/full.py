# Both memories.
_base_ = "./instance.py"

model = dict(pixel=dict(embed_dim=128, num_heads=8, pixels_per_box=20, max_length=4000, key_length=500))
